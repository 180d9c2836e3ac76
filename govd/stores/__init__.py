"""Embeddings that are kept elsewhere: registered, found in, taken from one revision to another,
verified, purged.
"""

from govd.stores.stores import Stores

__all__ = ["Stores"]
