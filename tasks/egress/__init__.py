"""The gate: the forward proxy through which all that a worker sends goes out."""
