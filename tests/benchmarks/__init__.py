"""Benchmarks: each module is a command that prints a table for README; nothing here is a test."""
