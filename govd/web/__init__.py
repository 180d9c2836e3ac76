"""The HTTP face: an application over the service, and the daemon that runs it."""
