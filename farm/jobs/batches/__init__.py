"""Many jobs that were submitted together: what a batch is, and what may be asked of one."""
