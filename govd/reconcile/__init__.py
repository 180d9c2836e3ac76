"""Desired state against actual state: the steps of requests and of revisions, measuring, delivery.
The only writer of revisions. `criteria` and `predictions` hold a revision against the criteria and
the predictions of the forgets in it.
"""
