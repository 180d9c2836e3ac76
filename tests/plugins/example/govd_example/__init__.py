"""A backend, a method and a policy of a third party."""
