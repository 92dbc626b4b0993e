"""Probes by a real ffprobe, and what a bare ffprobe says of the same file."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from farm.backends.memory import MemoryArtifacts
from farm.jobs.errors import FarmError
from farm.jobs.uploads import UPLOAD_NAME
from tasks.deadline import Deadline
from tasks.media.probe import Probes
from tasks.outcome import Outcome, Stopwatch
from tests.support.builders import a_job, a_spec
from tests.support.gate import gate
from tests.support.neighbours import need

DEFAULT_SECTIONS = ("-show_format", "-show_streams", "-show_chapters")
# What the spec has by default; a report depends on both.
DEFAULT_LIMITS = ("-probesize", "5000000", "-analyzeduration", "5000000")


def probe(
    uploads: MemoryArtifacts | None = None, *, timeout_s: float = 20, **fields: Any
) -> Outcome:
    job = a_job(spec=a_spec(kind="probe", **fields))
    return Probes(uploads or MemoryArtifacts(), gate()).run(job, Deadline(timeout_s), Stopwatch())


def probe_upload(content: bytes | Path, *, timeout_s: float = 20, **fields: Any) -> Outcome:
    """Probe ``content``, or the file that is there."""
    uploads = MemoryArtifacts()
    body = content.read_bytes() if isinstance(content, Path) else content
    uploads.put("u1", UPLOAD_NAME, "application/octet-stream", [body], ttl_s=60)
    return probe(uploads, url=None, upload_id="u1", timeout_s=timeout_s, **fields)


def error_of(*, timeout_s: float = 20, **fields: Any) -> FarmError:
    with pytest.raises(FarmError) as caught:
        probe(timeout_s=timeout_s, **fields)
    return caught.value


def error_of_upload(content: bytes | Path, **fields: Any) -> FarmError:
    with pytest.raises(FarmError) as caught:
        probe_upload(content, **fields)
    return caught.value


def artifact(outcome: Outcome, name: str = "probe.json") -> bytes:
    """Return the one artifact of that name."""
    (content,) = [each.content for each in outcome.made if each.name == name]
    return content


def said(outcome: Outcome) -> Any:
    """Return ffprobe's part of ``probe.json``."""
    return json.loads(artifact(outcome))["ffprobe"]


def summary(outcome: Outcome) -> Any:
    """Return the summary of ``probe.json``."""
    return json.loads(artifact(outcome))["summary"]


def said_by_ffprobe(source: str, *options: str, cwd: Path | None = None) -> Any:
    """Return what a bare ffprobe says of ``source``: by default what a spec asks by default."""
    asked: Sequence[str] = options or DEFAULT_SECTIONS
    argv = [need("ffprobe"), "-v", "error", "-of", "json", *DEFAULT_LIMITS, *asked]
    done = subprocess.run([*argv, "-i", source], capture_output=True, check=True, cwd=cwd)
    return json.loads(done.stdout)


def differences(found: Any, facts: Any, place: str = "") -> list[str]:
    """Return where ``found`` is not as ``facts``, which need not name all of it."""
    if isinstance(facts, Mapping):
        if not isinstance(found, Mapping):
            return [f"{place}: {found!r} is no object"]
        return [
            each
            for name, fact in facts.items()
            for each in differences(found.get(name), fact, f"{place}.{name}")
        ]
    if isinstance(facts, list):
        if not isinstance(found, list) or len(found) != len(facts):
            return [f"{place}: {found!r} is not {len(facts)} long"]
        pairs = enumerate(zip(found, facts, strict=True))
        return [each for at, pair in pairs for each in differences(*pair, f"{place}[{at}]")]
    is_same = found == (pytest.approx(facts, rel=1e-4) if isinstance(facts, float) else facts)
    same_type = type(found) is type(facts)
    return [] if is_same and same_type else [f"{place}: {found!r}, not {facts!r}"]
