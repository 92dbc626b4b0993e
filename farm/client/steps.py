"""What takes several requests, written once for both clients.

Each function here is a generator: it yields a call, is sent the answer to it, and returns
what came of them all. It sends nothing and waits for nothing itself; ``Connection.do``
and its twin of the asynchronous client do.
"""

import os
import time
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

import httpx
from pydantic import BaseModel

from farm.client import calls
from farm.client.answers import parsed, parsed_result, undamaged
from farm.client.calls import Call
from farm.client.errors import JobNotSucceeded, WaitTimedOut
from farm.jobs.states import JobState
from farm.jobs.views import JobView

_T = TypeVar("_T")
_Model = TypeVar("_Model", bound=BaseModel)

Steps: TypeAlias = Generator[Call, httpx.Response, _T]

_POLL_EVERY_S = 1.0
"""Least time between two questions, for a farm that answers at once instead of waiting."""
_PROBED = ("summary", "ffprobe")


def ask(call: Call, model: type[_Model]) -> Steps[_Model]:
    """Return the answer to ``call`` as a ``model``."""
    return parsed((yield call), model)


class Pace:
    """When the next call of some steps may be sent. Time runs from one sending to the next."""

    _sent = float("-inf")

    def pause_before(self, call: Call) -> float:
        """Return for how many seconds to wait before ``call``; none if it is below zero."""
        return call.every_s - (time.monotonic() - self._sent)

    def sends(self) -> None:
        """Note that a call is about to be sent."""
        self._sent = time.monotonic()


def wait(
    job: JobView | str, timeout_s: float | None = None, patience_s: float = 0
) -> Steps[JobView]:
    """Return the job once it has ended; see ``FarmClient.wait``."""

    def asked(job_id: str, wait_s: float, every_s: float) -> Steps[JobView]:
        call = replace(calls.job(job_id, wait_s), every_s=every_s, patience_s=patience_s)
        return ask(call, JobView)

    view = (yield from asked(job, 0, 0)) if isinstance(job, str) else job
    started, every_s = time.monotonic(), 0.0
    while not view.state.is_terminal:
        left_s: float = calls.POLL_WAIT_MAX_S
        if timeout_s is not None:
            left_s = timeout_s - (time.monotonic() - started)
            if left_s <= 0:
                raise WaitTimedOut(view, timeout_s)
        view = yield from asked(view.id, left_s, every_s)
        every_s = min(left_s, _POLL_EVERY_S)
    return view


def run(spec: Mapping[str, object]) -> Steps[JobView]:
    """Hand in a job and return it once it has succeeded; see ``FarmClient.run``."""
    submission = calls.submit(spec, calls.POLL_WAIT_MAX_S)
    job = yield from wait((yield from ask(submission, JobView)))
    if job.state is not JobState.SUCCEEDED:
        raise JobNotSucceeded(job)
    return job


def result_of(kind: str, spec: Mapping[str, object]) -> Steps[bytes]:
    """Return the main artifact of a job of this kind."""
    job = yield from run({"kind": kind, **spec})
    return undamaged((yield calls.result(job.id)))


def parsed_result_of(kind: str, spec: Mapping[str, object]) -> Steps[dict[str, Any]]:
    """Return the main artifact of a job of this kind, which is a JSON object."""
    job = yield from run({"kind": kind, **spec})
    return parsed_result(job, undamaged((yield calls.result(job.id))))


def report(job: JobView) -> Steps[dict[str, Any]]:
    """Return what a probe found; see ``FarmClient.report``."""
    if job.report is not None and all(name in job.report for name in _PROBED):
        return {name: job.report[name] for name in _PROBED}
    return parsed_result(job, undamaged((yield calls.result(job.id))))


def is_web_url(source: str | os.PathLike[str]) -> bool:
    """Return whether ``source`` is meant as a URL for the farm, not as a file."""
    return str(source).lower().startswith(("http://", "https://"))


def page(url: str | None, html: str | None) -> dict[str, object]:
    """Return the part of a spec that says which page."""
    return {name: value for name, value in (("url", url), ("html", html)) if value is not None}
