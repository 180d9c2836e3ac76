"""Answers from what is published, and copies of it for elsewhere."""
