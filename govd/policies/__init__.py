"""Policies: rules in YAML and CEL that decide by what a request, its model and its people are."""
