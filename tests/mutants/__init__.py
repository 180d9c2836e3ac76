"""What the tests notice: one changed node of the code at a time (`python -m tests.mutants`).

`sites.py` says where a file can be changed, `rooms.py` which files and tests are meant,
`covered.py` which tests run which line, `attempts.py` runs tests against one change.
"""
