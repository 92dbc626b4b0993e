"""Rendering: one Chromium per worker process, one fresh context per job."""
