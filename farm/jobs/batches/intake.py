"""From the lines of a batch to its jobs: the good ones are cast, the bad ones noted."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from farm.jobs.batches.models import BatchOptions
from farm.jobs.batches.moulds import Cast, Mould
from farm.jobs.errors import FieldError, InvalidSpec, ScopeRequired
from farm.jobs.models import Job, new_id
from farm.jobs.service import JobService
from farm.jobs.specs.requests import JobRequest, JobSpec, Queue
from farm.jobs.urls import normalise_url

CHUNK_JOBS = 250
"""Filed in one step of Redis, which takes some milliseconds and lets nobody else in."""
_CHUNK_CHARACTERS = 1024 * 1024
_MOULDS_MAX = 64
"""Kept at once; lists that mix more kinds of lines only cost more."""
_MOULD_MAX_CHARACTERS = 4096
"""Of the fields of a line beside its URL: what is longer is hardly met again."""
_ERRORS_MAX = 5
"""Mistakes told of one line."""
_DEFAULTS: Mapping[str, Any] = {"priority": "low"}
"""So that a batch is in nobody's way."""
_URL_DEPENDENT = frozenset({"cookies"})
"""Fields whose validity depends on the URL: such lines are checked whole."""


@dataclass(frozen=True)
class Item:
    """One line of a batch as it came."""

    line: int
    """From 1; of JSON, the item's place in the list."""
    value: Any = None
    """A URL, or the fields of a spec; anything else is refused."""
    error: FieldError | None = None
    """Why it could not even be read."""


@dataclass(frozen=True)
class Rejected:
    """A line that is no job, and why."""

    line: int
    errors: tuple[FieldError, ...]


@dataclass
class Intake:
    """Makes jobs of the lines of one batch, in the order in which they come."""

    farm: JobService
    batch_id: str
    options: BatchOptions
    defaults: Mapping[str, Any]
    rejected: list[Rejected] = field(default_factory=list, init=False)
    duplicates: int = field(default=0, init=False)
    jobs: Counter[Queue] = field(default_factory=Counter, init=False)
    """Good ones so far, by queue."""
    chunks: int = field(default=0, init=False)
    _moulds: dict[str, Mould] = field(default_factory=dict, init=False)
    _seen: set[tuple[str, str | None]] = field(default_factory=set, init=False)
    _scope: ScopeRequired | None = field(default=None, init=False)

    def chunked(self, items: Iterable[Item]) -> Iterator[list[Cast]]:
        """Yield the jobs of the good lines, some at a time.

        Raises:
            InvalidSpec: There are too many lines, or none is good. What was yielded
                before must not become jobs.
            ScopeRequired: No line is good, for want of a scope.
        """
        chunk: list[Cast] = []
        characters = 0
        for number, item in enumerate(items, 1):
            if number > self.farm.limits.batch_items_max:
                most = self.farm.limits.batch_items_max
                message = f"a batch of this farm may have {most} lines at most"
                raise InvalidSpec([FieldError(field="items", message=message)])
            cast = self._cast(item)
            if cast is None:
                continue
            chunk.append(cast)
            characters += _MOULD_MAX_CHARACTERS if cast.mould.url_is_open else _size(item.value)
            if len(chunk) == CHUNK_JOBS or characters > _CHUNK_CHARACTERS:
                yield self._counted(chunk)
                chunk, characters = [], 0
        if chunk:
            yield self._counted(chunk)
        if not self.chunks:
            self._refuse_all()

    def _counted(self, chunk: list[Cast]) -> list[Cast]:
        self.chunks += 1
        self.jobs.update(cast.mould.job.queue for cast in chunk)
        return chunk

    def _refuse_all(self) -> None:
        if self._scope is not None:
            raise self._scope
        found = [
            FieldError(field=_place(each.line, error.field), message=error.message)
            for each in self.rejected
            for error in each.errors
        ]
        raise InvalidSpec(found[:20] or [FieldError(field="items", message="there is none")])

    def _cast(self, item: Item) -> Cast | None:
        """Return the job of a line; ``None`` if it is a bad one, or there already."""
        if item.error is not None:
            self.rejected.append(Rejected(item.line, (item.error,)))
            return None
        try:
            key, url, mould = self._mould(item.value)
        except InvalidSpec as error:
            self.rejected.append(Rejected(item.line, error.errors[:_ERRORS_MAX]))
            return None
        except ScopeRequired as error:
            self._scope = error
            self.rejected.append(Rejected(item.line, tuple(error.errors)))
            return None
        if self.options.dedupe:
            if (key, url) in self._seen:
                self.duplicates += 1
                return None
            self._seen.add((key, url))
        if url is None or not mould.url_is_open:
            return Cast(mould, new_id())
        return Cast(mould, new_id(), url, self._fingerprint(mould.job, url))

    def _fingerprint(self, job: Job, url: str) -> str | None:
        if job.fingerprint is None:
            return None
        return self.farm.fingerprint(job.spec.model_copy(update={"url": url}))

    def _mould(self, value: Any) -> tuple[str, str | None, Mould]:  # noqa: ANN401 - any JSON value
        """Return what the line asks for beside its URL, its URL, and its mould.

        Raises:
            InvalidSpec: The line is no spec.
            ScopeRequired: The caller was not given what a field of it takes.
        """
        asked = {**_DEFAULTS, **self.defaults, **self._fields(value)}
        given_url = asked.pop("url", None)
        key = _key(asked)
        is_common = isinstance(given_url, str) and len(key) <= _MOULD_MAX_CHARACTERS
        if is_common and key in self._moulds:
            return key, _normalised(given_url), self._moulds[key]
        spec = _spec(asked if given_url is None else {**asked, "url": given_url})
        self.farm.check(spec)
        if not is_common or _URL_DEPENDENT & spec.model_fields_set:
            return key, spec.url, Mould(self._job(spec), url_is_open=False)
        open_spec = spec.model_copy(update={"url": f"http://{new_id()}.invalid/"})
        mould = Mould(self._job(open_spec), url_is_open=True)
        if len(self._moulds) == _MOULDS_MAX:
            del self._moulds[next(iter(self._moulds))]
        self._moulds[key] = mould
        return key, spec.url, mould

    def _fields(self, value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - any JSON value
        if isinstance(value, str):
            return {"url": value}
        if not isinstance(value, dict):
            raise InvalidSpec([FieldError(field="", message="must be a URL or a JSON object")])
        return value

    def _job(self, spec: JobSpec) -> Job:
        return self.farm.drafted(spec, new_id(), batch_id=self.batch_id)


def _key(asked: Mapping[str, Any]) -> str:
    # Not sorted: a list has its fields in one order, mostly.
    return json.dumps(asked, separators=(",", ":"))


def _spec(asked: Mapping[str, Any]) -> JobSpec:
    return JobRequest.model_validate(asked).root


def _normalised(url: str) -> str:
    try:
        return normalise_url(url)
    except ValueError as error:
        raise InvalidSpec([FieldError(field="url", message=str(error))]) from None


def _size(value: Any) -> int:  # noqa: ANN401 - any JSON value
    return len(json.dumps(value))


def _place(line: int, name: str) -> str:
    return f"items.{line}.{name}" if name else f"items.{line}"
