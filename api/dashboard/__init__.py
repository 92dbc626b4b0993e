"""The dashboard: the farm as pages, for people."""
