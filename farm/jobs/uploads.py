"""How files that callers leave with the farm lie in its store."""

UPLOAD_NAME = "upload"
"""Name under which an upload's bytes are stored; its owner is the upload's id."""
UPLOAD_TTL_S = 24 * 3600
