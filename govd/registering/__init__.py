"""The nouns of `govd model`: models are registered, changed with their forgets, and retired."""
