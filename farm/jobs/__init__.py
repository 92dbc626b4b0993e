"""The rules of a job. This room opens no socket and no file; it needs pydantic only."""
