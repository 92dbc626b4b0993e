"""What is fetched straight into a file: never whole in memory, and there whole or not at all."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from farm.client import calls
from farm.client.calls import Call
from farm.client.errors import ClientError, DamagedArtifact, NotSaved
from farm.client.saving import is_replaceable, replacing
from farm.jobs.views import JobView


@dataclass(frozen=True)
class Download:
    """One answer that becomes a file."""

    call: Call
    path: Path
    sha256: str | None = None
    """Of all bytes, in hexadecimal; ``None``: not known."""

    @contextmanager
    def begun(self) -> Iterator[Callable[[bytes], None]]:
        """Give what takes the bytes, piece by piece; see ``replacing``.

        Raises:
            DamagedArtifact: They are others than the farm made.
            NotSaved: The folder or the file cannot be written.
        """
        digest = hashlib.sha256()
        try:
            with replacing(self.path) as file:

                def take(piece: bytes) -> None:
                    digest.update(piece)
                    file.write(piece)

                yield take
                if self.sha256 not in (None, digest.hexdigest()):
                    raise DamagedArtifact(
                        f"Other bytes came for {self.path.name!r} than were made."
                    )
        except ClientError:
            raise
        except OSError as error:
            raise NotSaved(self.path, error) from error


def artifact_download(job: JobView, name: str, path: Path, patience_s: float = 0) -> Download:
    """Return the download of one of the job's artifacts."""
    made = {artifact.name: artifact.sha256 for artifact in job.artifacts}
    call = replace(calls.artifact(job.id, name), patience_s=patience_s)
    return _once_only(Download(call, path, made.get(name, "")))


def unverified_download(call: Call, path: Path, patience_s: float) -> Download:
    """Return the download of what is made while it is sent, so that its SHA-256 is not known."""
    return _once_only(Download(replace(call, patience_s=patience_s), path))


def _once_only(download: Download) -> Download:
    """Return the download; one that is not sent again where what is written is gone."""
    if is_replaceable(download.path):
        return download
    return replace(download, call=replace(download.call, retries=0, patience_s=0))
