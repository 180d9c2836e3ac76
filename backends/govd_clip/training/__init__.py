"""How `mini`, the checkpoint that comes with govd, was made: data, training, packaging."""
