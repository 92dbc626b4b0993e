"""Probing: ffprobe on a URL or an upload, confined."""
