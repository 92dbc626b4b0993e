"""Jobs that can be told from each other by what comes of them."""

import itertools
import json
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from farm.jobs.states import JobState
from farm.jobs.views import JobView
from tests.support.site import Site

_TIMEOUT_MS = 10_000
"""The lease of a job whose worker vanishes is over 25 s after this."""
_RATE = 8000
_TONES = [(f"tone-{number}.wav", (number + 1) / 10) for number in range(40)]
"""Name and seconds of each."""


@dataclass(frozen=True)
class Work:
    """What to ask for, and how to tell that it was done."""

    spec: Mapping[str, Any]
    is_right: Callable[[bytes], bool]
    """Whether the bytes are what was asked for."""
    address: str = ""
    """What the site is asked for."""
    may_fail_with: frozenset[str] = frozenset()
    """Codes of failures that are as good; a healthy job has none."""

    def or_failed(self, codes: frozenset[str]) -> "Work":
        """Return the same work, which may also fail with one of ``codes``."""
        return replace(self, may_fail_with=codes)

    def accepts(self, job: JobView) -> bool:
        """Return whether the job ended as it should."""
        if job.failure is not None:
            return job.failure.code in self.may_fail_with
        return job.state is JobState.SUCCEEDED


@dataclass(frozen=True)
class Works:
    """Makes pieces of work. Each has a number of its own, which decides what comes of it."""

    site: Site
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def pictures(self, count: int, wait_s: float = 0, **fields: Any) -> Sequence[Work]:
        """Picture pages of one colour each, which the site answers after ``wait_s`` seconds."""
        return [self._picture(next(self._numbers), wait_s, fields) for _ in range(count)]

    def probes(self, count: int, wait_s: float = 0, **fields: Any) -> Sequence[Work]:
        """Probe tones of different lengths, which the site answers after ``wait_s`` seconds."""
        return [self._probe(next(self._numbers), wait_s, fields) for _ in range(count)]

    def mixed(self, count: int, wait_s: float = 0) -> Sequence[Work]:
        """Return pictures and probes in turns."""
        makers = itertools.cycle((self._picture, self._probe))
        return [make(next(self._numbers), wait_s, {}) for make in itertools.islice(makers, count)]

    def of_uploads(self, count: int, upload_ids: Sequence[str], **fields: Any) -> Sequence[Work]:
        """Probe uploaded tones, again and again; ``upload_ids`` has those of the first tones."""
        tones = itertools.cycle(zip(upload_ids, _TONES, strict=False))
        return [
            _work(_has_length(seconds), "", kind="probe", upload_id=upload_id, **fields)
            for upload_id, (_, seconds) in itertools.islice(tones, count)
        ]

    def page(self, path: str, may_fail_with: frozenset[str]) -> Work:
        """Picture a page of the site that need not be one that can be pictured."""
        spec = {"kind": "screenshot", "url": self.site.url(path), "timeout": _TIMEOUT_MS}
        return Work(spec, _is_picture, path, may_fail_with)

    def silence(self, mark: str, may_fail_with: frozenset[str]) -> Work:
        """Probe an address with ``mark`` in it that never answers."""
        path = f"/silent?{mark}"
        spec = {"kind": "probe", "url": self.site.url(path), "timeout": _TIMEOUT_MS}
        return Work(spec, _is_picture, path, may_fail_with)

    def is_asked_for(self, work: Work) -> bool:
        """Return whether the site was asked for the work's address."""
        try:
            return bool(self.site.headers(work.address))
        except KeyError:
            return False

    def _picture(self, number: int, wait_s: float, fields: Mapping[str, Any]) -> Work:
        colour = (number * 37 % 256, number * 101 % 256, number // 256 % 256)
        name = "".join(f"{part:02x}" for part in colour)
        # Not as large as the page: one that has a single colour counts as blank.
        path = f"/colour/{name}.png?w=640&h=400&n={number}&wait={wait_s}"

        def is_right(content: bytes) -> bool:
            return _is_picture(content) and _centre(content) == colour

        return _work(is_right, path, kind="screenshot", url=self.site.url(path), **fields)

    def _probe(self, number: int, wait_s: float, fields: Mapping[str, Any]) -> Work:
        name, seconds = _TONES[number % len(_TONES)]
        path = f"/{name}?n={number}&wait={wait_s}"
        return _work(_has_length(seconds), path, kind="probe", url=self.site.url(path), **fields)


def write_tones(folder: Path) -> Sequence[Path]:
    """Write the tones that are probed into ``folder``."""
    for name, seconds in _TONES:
        with wave.open(str(folder / name), "wb") as tone:
            tone.setparams((1, 1, _RATE, 0, "NONE", ""))
            tone.writeframes(bytes(round(_RATE * seconds)))
    return [folder / name for name, _ in _TONES]


def _work(is_right: Callable[[bytes], bool], address: str, **spec: Any) -> Work:
    return Work({"timeout": _TIMEOUT_MS, **spec}, is_right, address)


def _has_length(seconds: float) -> Callable[[bytes], bool]:
    def is_right(content: bytes) -> bool:
        found = json.loads(content)["summary"]["duration"]
        return found is not None and abs(found - seconds) < 0.01

    return is_right


def _is_picture(content: bytes) -> bool:
    with Image.open(BytesIO(content)) as image:
        return image.size == (1280, 800)


def _centre(content: bytes) -> object:
    with Image.open(BytesIO(content)) as image:
        return image.convert("RGB").getpixel((640, 400))
