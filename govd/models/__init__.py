"""Registered models: what a user gives, read and encoded; what follows where it changes."""
