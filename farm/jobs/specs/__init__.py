"""What may be asked of the farm: one flat spec per kind, with its limits and defaults."""
