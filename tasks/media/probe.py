"""The kind ``probe``: what ffprobe says about one file."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from farm.jobs.errors import MediaInvalid, TargetError
from farm.jobs.models import Job
from farm.jobs.ports import ArtifactStore
from farm.jobs.specs.media import ProbeSpec
from tasks.deadline import Deadline
from tasks.egress.client import NET_S, Gate, Limits
from tasks.egress.verdicts import refused
from tasks.media.ffmpeg import run_tool
from tasks.media.report import Summary
from tasks.media.source import source_arguments
from tasks.media.stills import stills
from tasks.outcome import Made, Outcome, Stopwatch
from tasks.process import Limits as ProcessLimits

_OUTPUT_MAX_BYTES = 16 * 1024 * 1024
"""5,000 frames with their side data take some 10 MB."""
_TRAFFIC_MAX_BYTES = 8 * 1024**3
_REQUESTS_MAX = 10_000
"""A file whose parts lie far apart is read by many requests."""
_REPORT_MAX_CHARACTERS = 64 * 1024
"""The job's record repeats what it can of the artifact, which always has all."""


class Probes:
    """Runs ffprobe on what a job names."""

    def __init__(self, uploads: ArtifactStore, gate: Gate) -> None:
        """Take uploaded files from ``uploads``, and others through ``gate``."""
        self._uploads = uploads
        self._gate = gate

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
        if spec.url is None:
            return self._run(spec, "", deadline, stopwatch)
        limits = Limits(_TRAFFIC_MAX_BYTES, _REQUESTS_MAX, deadline.timeout_s + NET_S)
        with self._gate.session(job.id, zones=job.zones, url=spec.url, limits=limits) as gate:
            try:
                return self._run(spec, gate.proxy, deadline, stopwatch)
            except TargetError as error:
                if gate.last_refusal is not None:
                    raise refused(gate.last_refusal) from error
                raise

    def _run(
        self, spec: ProbeSpec, proxy: str, deadline: Deadline, stopwatch: Stopwatch
    ) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="farm-probe-") as folder:
            cwd = Path(folder)
            with stopwatch.stage("load"):
                source = source_arguments(spec, self._uploads, proxy, cwd, deadline)
            with stopwatch.stage("capture"):
                found = _probe(spec, source, cwd, deadline)
                summary = Summary.of(found)
                known = summary if _tells_all(spec) else _known(spec, source, cwd, deadline)
                pictures, warnings = stills(spec, known, source, cwd, deadline)
        return _outcome(found, summary, pictures, warnings)


def _probe(spec: ProbeSpec, source: Sequence[str], cwd: Path, deadline: Deadline) -> dict[str, Any]:
    argv = ["ffprobe", "-hide_banner", "-v", "error", "-of", "json", *_options(spec), *source]
    limits = ProcessLimits(cpu_s=max(1, round(deadline.timeout_s)))
    stdout = run_tool(
        argv,
        source,
        cwd=cwd,
        deadline=deadline,
        stdout_max_bytes=_OUTPUT_MAX_BYTES,
        limits=limits,
    )
    found: dict[str, Any] = json.loads(stdout)
    if "streams" in spec.sections and spec.show_entries is None and not found.get("streams"):
        raise MediaInvalid("The file has no stream of this kind.")
    return found


def _tells_all(spec: ProbeSpec) -> bool:
    """Return whether the report has what stills need; without stills it always has."""
    has_all = spec.show_entries is None and {"format", "streams"}.issubset(spec.sections)
    return spec.thumbnails is None or (has_all and spec.select_streams is None)


def _known(spec: ProbeSpec, source: Sequence[str], cwd: Path, deadline: Deadline) -> Summary:
    wanted = {"sections": ("format", "streams"), "count_frames": False}
    rest = dict.fromkeys(("show_entries", "select_streams", "read_intervals"))
    return Summary.of(_probe(spec.model_copy(update=wanted | rest), source, cwd, deadline))


def _options(spec: ProbeSpec) -> list[str]:
    options = ["-probesize", str(spec.probesize), "-analyzeduration", str(spec.analyzeduration)]
    if spec.show_entries is not None:
        options += ["-show_entries", spec.show_entries]
    else:
        options += [f"-show_{section}" for section in spec.sections]
    if spec.select_streams is not None:
        options += ["-select_streams", spec.select_streams]
    if spec.count_frames:
        options.append("-count_frames")
    if spec.read_intervals is not None:
        options += ["-read_intervals", spec.read_intervals]
    elif spec.reads_packets:
        options += ["-read_intervals", f"%+#{spec.frame_limit}"]
    return options


def _outcome(
    found: dict[str, Any], summary: Summary, pictures: Sequence[Made], warnings: Sequence[str]
) -> Outcome:
    said = summary.model_dump(mode="json")
    content = json.dumps({"summary": said, "ffprobe": found}, ensure_ascii=False).encode(
        "utf-8", "backslashreplace"
    )
    made = [Made("probe.json", "application/json", content), *pictures]
    for report in ({"summary": said, "ffprobe": found}, {"summary": said}):
        if len(json.dumps(report, ensure_ascii=False)) <= _REPORT_MAX_CHARACTERS:
            return Outcome(made, report, warnings)
    too_large = "There is too much to say for the report: see probe.json."
    return Outcome(made, {}, [*warnings, too_large])
