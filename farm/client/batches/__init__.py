"""Many jobs from one list, and their files: what ``farm batch`` and ``farm shots`` are made of."""
