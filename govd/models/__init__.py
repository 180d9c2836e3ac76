"""Registered models: what a user gives, read and encoded; what follows where it changes."""

from govd.models.given import Given
from govd.models.registry import Models

__all__ = ["Given", "Models"]
