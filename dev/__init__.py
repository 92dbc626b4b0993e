"""What `make` calls on a developer's machine: set-up, the farm as local processes, the demo."""
