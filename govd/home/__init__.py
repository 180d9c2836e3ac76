"""One folder on a disk: settings, artifacts, private texts, keys."""
