"""What the two server sides and the user share: the rules of a job, its backends, the client."""
