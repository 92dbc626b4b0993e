"""What a job has to show for itself."""

from farm.jobs.errors import JobFailed, NotFinished, UnknownArtifact
from farm.jobs.models import Artifact, Job
from farm.jobs.states import JobState


def result_of(job: Job) -> Artifact:
    """Return the job's main artifact.

    Raises:
        NotFinished: The job has not ended.
        JobFailed: It ended without a result.
    """
    _check_succeeded(job)
    return job.artifacts[0]


def artifact_of(job: Job, name: str) -> Artifact:
    """Return one of the job's artifacts by its name.

    Raises:
        UnknownArtifact: It made none of this name; also see ``result_of``.
    """
    _check_succeeded(job)
    for artifact in job.artifacts:
        if artifact.name == name:
            return artifact
    raise UnknownArtifact(f"Job {job.id!r} has no artifact {name!r}.")


def _check_succeeded(job: Job) -> None:
    if not job.state.is_terminal:
        raise NotFinished(f"Job {job.id!r} is {job.state}.")
    if job.state is not JobState.SUCCEEDED:
        reason = f"{job.failure.code}: {job.failure.message}" if job.failure else job.state
        raise JobFailed(f"Job {job.id!r} has no result ({reason}).", job.failure)
