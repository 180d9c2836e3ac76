"""What the tests notice: one changed node of the code at a time (`python -m tests.mutants`)."""
