"""Names of files in an archive: safe on every system, and always the same for one job."""

import re
from urllib.parse import urlsplit

from farm.jobs.models import Artifact, Job

FOLDER = "files"
_STEM_MAX_CHARACTERS = 80
"""Leaves room for an artifact's name, and for a folder, in Windows' 260 characters."""
_ID_CHARACTERS = 12
"""48 random bits: two of 10,000 jobs share them once in millions of batches."""
_OTHERS = re.compile(r"(?:[^A-Za-z0-9._-]|\.{2,})+")
# Windows takes them for devices whatever comes after a dot.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)[0-9])(?:\.|$)", re.IGNORECASE)


def file_name(job: Job, artifact: Artifact) -> str:
    """Return where the artifact lies in an archive, as ``files/example.com-about-1f….page.pdf``.

    It begins with what the job's URL says, else with its first tag or its kind. The id
    makes it unique, also where ``A`` is ``a``.
    """
    return f"{FOLDER}/{_stem(job)}-{job.id[:_ID_CHARACTERS]}.{artifact.name}"


def _stem(job: Job) -> str:
    parts = urlsplit(job.spec.url or "")
    of_url = f"{parts.netloc.rpartition('@')[2]}{parts.path}-{parts.query}"
    for text in (of_url, *job.tags[:1]):
        found = _OTHERS.sub("-", text).strip("-._")[:_STEM_MAX_CHARACTERS].rstrip("-._")
        if found:
            return f"_{found}" if _DEVICE.match(found) else found
    return job.kind
