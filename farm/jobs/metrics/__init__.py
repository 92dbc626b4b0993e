"""What the farm counts and measures of itself."""
