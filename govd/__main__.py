"""`python -m govd`."""

from govd.cli import main

main()
