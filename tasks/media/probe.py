"""The kind ``probe``: what ffprobe says about one file."""

import json
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from farm.jobs.errors import ArtifactEvicted, InternalError, MediaInvalid
from farm.jobs.models import Job
from farm.jobs.ports import ArtifactStore
from farm.jobs.service import UPLOAD_NAME
from farm.jobs.specs import ProbeSpec
from tasks.deadline import Deadline
from tasks.media.failures import translate
from tasks.media.report import Summary
from tasks.outcome import Made, Outcome, Stopwatch
from tasks.process import run

FORMATS = (
    "mov,matroska,webm,mpegts,mpeg,mpegvideo,avi,flv,asf,ogg,wav,mp3,flac,aac,aiff,amr,ac3,eac3"
)
"""Containers that are one file. Playlists are not among them: they open other addresses,
around any rule about addresses."""

SECTIONS = ("-show_format", "-show_streams", "-show_chapters")
_OUTPUT_MAX_BYTES = 4 * 1024 * 1024
_REPORT_MAX_BYTES = 64 * 1024
"""The job's report repeats ffprobe's JSON up to this size; the artifact always has it."""
_SILENCE_MAX_US = 10_000_000
"""Microseconds without a byte from a server after which ffprobe gives it up."""
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_UPLOAD_FILE = "input"
_NOT_OF_THE_FILE = frozenset({-signal.SIGKILL, -signal.SIGTERM, 126, 127})
"""Exit codes that say nothing of the file: killed from outside, or not startable."""

_log = structlog.get_logger(__name__)


class Probes:
    """Runs ffprobe on what a job names."""

    def __init__(self, uploads: ArtifactStore) -> None:
        """Take uploaded files from ``uploads``."""
        self._uploads = uploads

    def run(self, job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        """Probe the job's file.

        Raises:
            TargetError: It cannot be had, or is no media; which error says why.
            JobTimedOut: The deadline passed.
            OutputTooLarge: There is more to say of the file than an artifact holds.
        """
        spec = job.spec
        if not isinstance(spec, ProbeSpec):
            raise TypeError(f"a {spec.kind} is no probe")
        with tempfile.TemporaryDirectory(prefix="farm-probe-") as folder:
            cwd = Path(folder)
            with stopwatch.stage("load"):
                source = self._source(spec, cwd)
            with stopwatch.stage("capture"):
                found = _probe(source, cwd, deadline)
        return _outcome(found)

    def _source(self, spec: ProbeSpec, cwd: Path) -> Sequence[str]:
        if spec.url is not None:
            return _url_arguments(spec.url)
        try:
            with (cwd / _UPLOAD_FILE).open("wb") as file:
                for chunk in self._uploads.read(spec.upload_id or "", UPLOAD_NAME):
                    file.write(chunk)
        except ArtifactEvicted as error:
            raise MediaInvalid("The upload is no longer kept; leave the file again.") from error
        return ("-protocol_whitelist", "file", "-i", f"file:{_UPLOAD_FILE}")


def _url_arguments(url: str) -> Sequence[str]:
    # `tcp` and `tls` are what http and https stand on. FFmpeg does not check
    # certificates unless told to.
    return (
        *("-protocol_whitelist", "http,https,tcp,tls"),
        *("-rw_timeout", str(_SILENCE_MAX_US)),
        *("-tls_verify", "1", "-ca_file", str(_CERTIFICATES)),
        *("-i", url),
    )


def _probe(source: Sequence[str], cwd: Path, deadline: Deadline) -> dict[str, Any]:
    finished = run(
        [
            *("ffprobe", "-hide_banner", "-v", "error", "-of", "json", *SECTIONS),
            *("-format_whitelist", FORMATS, *source),
        ],
        deadline=deadline,
        cwd=cwd,
        stdout_max_bytes=_OUTPUT_MAX_BYTES,
    )
    if finished.exit_code != 0:
        _log.info("ffprobe_failed", exit_code=finished.exit_code, stderr=finished.stderr)
        if finished.exit_code == -signal.SIGXCPU:
            raise deadline.passed("ffprobe")
        if finished.exit_code in _NOT_OF_THE_FILE:
            raise InternalError("ffprobe could not run to its end.")
        # Without the source: a URL may hold any of the words that are looked for.
        raise translate(finished.stderr.replace(source[-1], ""))
    found: dict[str, Any] = json.loads(finished.stdout)
    if not found.get("streams"):
        raise MediaInvalid("The file has no stream of any kind.")
    return found


def _outcome(found: dict[str, Any]) -> Outcome:
    summary = Summary.of(found).model_dump(mode="json")
    content = json.dumps({"summary": summary, "ffprobe": found}, ensure_ascii=False).encode()
    is_small = len(content) <= _REPORT_MAX_BYTES
    return Outcome(
        made=[Made("probe.json", "application/json", content)],
        report={"summary": summary, **({"ffprobe": found} if is_small else {})},
    )
