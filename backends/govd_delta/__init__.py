"""Any model of safetensors files, edited by deltas of its weights that an external job computes."""
