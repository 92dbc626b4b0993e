"""What many jobs came to, as one file, written piece by piece while it is read."""
