"""What a job looks like to people: its title and its picture."""

from farm.jobs.models import Artifact, Job

PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})
"""Media types that browsers show, and that can do nothing else."""

FILENAME = "filename"
"""Where the metadata of a job says what its upload was called."""

SMALL_ONES = ("thumbnail.webp", "contact-sheet.webp")
"""Pictures that stand for larger ones."""


def title_of(job: Job) -> str:
    """Return the title of the job's page, as the page has it; else its address.

    Of an upload it is the name that its metadata may have, else the job's id.
    """
    title = (job.report or {}).get("title")
    if isinstance(title, str) and title.strip():
        return title
    return job.spec.url or job.spec.metadata.get(FILENAME) or job.id


def picture_of(job: Job) -> Artifact | None:
    """Return the smallest picture that stands for the job; ``None`` if it made none."""
    pictures = [artifact for artifact in job.artifacts if artifact.media_type in PICTURES]
    small = (artifact for artifact in pictures if artifact.name in SMALL_ONES)
    return next(small, pictures[0] if pictures else None)
