"""The ports of ``farm.jobs`` made real: in memory, in Redis, through Celery."""
