"""CLIP in Flax NNX: a backend of govd."""
