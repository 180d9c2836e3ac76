"""Desired state against actual state: contributions, revisions, measuring, delivery. The only
writer of revisions. `judging` and `predictions` hold a revision against the criteria and the
predictions of the forgets in it.
"""
