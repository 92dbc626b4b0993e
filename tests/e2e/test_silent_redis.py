"""A Redis that says nothing hangs no caller: 503 within seconds, and all is well after it."""

import signal
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx
import psutil
import pytest

from api import gunicorn_conf
from dev.stack import Stack, running
from tests.support.neighbours import need
from tests.support.stacks import a_stack
from tests.support.waiting import until

ANSWERED_WITHIN_S = 5
CALLERS = 50
SPEC = {"kind": "probe", "url": "http://127.0.0.1:9/nobody-listens"}
OWN_THREADS = 4
"""What a process of the API has beside those that answer: its main thread, a listener."""


@dataclass(frozen=True)
class Answer:
    status: int
    retry_after: str | None
    seconds: float


@dataclass(frozen=True)
class Farm:
    """One farm, a client with room for many calls at once, and the callers."""

    stack: Stack
    http: httpx.Client
    callers: ThreadPoolExecutor

    def ask(self, method: str, path: str) -> Answer:
        began = time.monotonic()
        answer = self.http.request(method, path, json=SPEC if method == "POST" else None)
        seconds = time.monotonic() - began
        return Answer(answer.status_code, answer.headers.get("Retry-After"), seconds)

    def submit(self) -> Answer:
        return self.ask("POST", "/v1/jobs")

    def submit_at_once(self) -> Iterator[Answer]:
        return self.callers.map(lambda _: self.submit(), range(CALLERS))

    def is_well(self) -> bool:
        return self.submit().status == HTTPStatus.ACCEPTED

    def part(self, word: str) -> psutil.Process:
        return next(
            process
            for process in psutil.Process(self.stack.pid).children()
            if word in " ".join(process.cmdline())
        )

    @contextmanager
    def silence(self) -> Iterator[None]:
        redis = self.part("redis-server")
        redis.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            redis.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    need("redis-server")
    run_dir: Path = tmp_path_factory.mktemp("silent")
    settings = {"STACK_PAGES_CONCURRENCY": "1", "STACK_MEDIA_CONCURRENCY": "1"}
    with (
        (run_dir / "farm.log").open("wb") as log,
        running(a_stack(run_dir, log, settings)) as stack,
        httpx.Client(
            base_url=stack.url,
            timeout=30,
            trust_env=False,
            limits=httpx.Limits(max_connections=2 * CALLERS),
        ) as http,
        ThreadPoolExecutor(CALLERS) as callers,
    ):
        stack.wait_ready()
        yield Farm(stack, http, callers)


@pytest.fixture(autouse=True)
def well(farm: Farm) -> Iterator[None]:
    """Begin with a farm that takes jobs, and end with one that has no thread too many."""
    until(farm.is_well, "the farm takes jobs")
    yield
    until(farm.is_well, "the farm takes jobs again")
    for process in farm.part("api.wsgi:create()").children():
        assert process.num_threads() <= gunicorn_conf.threads + OWN_THREADS


def test_120_every_caller_is_told_soon(farm: Farm) -> None:
    job = farm.http.post("/v1/jobs", json=SPEC).json()["links"]["self"]
    with farm.silence():
        at_once = farm.submit_at_once()
        lives = [farm.ask("GET", "/healthz") for _ in range(20)]
        answers = [*at_once, farm.submit(), farm.ask("GET", job), farm.ask("GET", "/readyz")]
    assert {(answer.status, answer.retry_after) for answer in answers} == {(503, "2")}
    assert max(answer.seconds for answer in answers) < ANSWERED_WITHIN_S
    assert {answer.status for answer in lives} == {HTTPStatus.OK}
    assert statistics.median(answer.seconds for answer in lives) < 0.1


def test_who_is_being_served_when_it_falls_silent_is_told_soon_too(farm: Farm) -> None:
    answers: list[Answer] = []
    ended = threading.Event()

    def submit_on_and_on() -> None:
        while not ended.is_set():
            answers.append(farm.submit())

    calling = [farm.callers.submit(submit_on_and_on) for _ in range(CALLERS)]
    try:
        until(lambda: len(answers) > 2 * CALLERS, "they are served")
        with farm.silence():
            ended.set()
            wait(calling)
    finally:
        ended.set()
    for caller in calling:
        caller.result()
    assert {answer.status for answer in answers} <= {HTTPStatus.ACCEPTED, 503}
    assert max(answer.seconds for answer in answers) < ANSWERED_WITHIN_S


def test_jobs_run_again_after_it(farm: Farm) -> None:
    with farm.silence():
        assert farm.submit().status == HTTPStatus.SERVICE_UNAVAILABLE
    until(farm.is_well, "the farm takes jobs again")
    job = farm.http.post("/v1/jobs", json={**SPEC, "priority": "high"}).json()["links"]["self"]
    until(lambda: farm.http.get(job, params={"wait": 5}).json()["finished_at"], "it has ended", 30)
