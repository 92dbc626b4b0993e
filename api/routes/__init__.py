"""One module per family of addresses; each makes a blueprint over the service."""
