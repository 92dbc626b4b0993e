"""HTTP in, HTTP out. Flask lives here and nowhere else."""
