"""Desired state against actual state: contributions, revisions, measuring, delivery. The only
writer of revisions.
"""
