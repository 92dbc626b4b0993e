"""One hash for what two requests have in common."""

import hashlib
import json
from typing import Any


def fingerprint_of(what: str, asked: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the SHA-256 of a request: the same for every spelling of one JSON value.

    Args:
        what: What sort of request.
        asked: What it asks for.
    """
    canonical = json.dumps([what, asked], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
