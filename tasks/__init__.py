"""The workshop: Celery prefork workers, synchronous Playwright, ffprobe. No asyncio, no Flask."""
