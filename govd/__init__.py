"""A daemon with which CLIP-like models forget."""
