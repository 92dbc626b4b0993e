"""Ctrl-C in the midst of many probes."""

import os
import signal
import threading
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from farm.client.cli import cli
from farm.client.http import FarmClient
from farm.client.probes import IN_FLIGHT
from tests.support.fake_farm import URL, FakeFarm


class InterruptedFarm(FakeFarm):
    """Its jobs do not end by themselves; Ctrl-C comes once as many run as may."""

    def __init__(self) -> None:
        super().__init__()
        self.answers_before_the_end = 10**9
        self._looked_at: set[str] = set()
        self._cancelling = threading.Event()

    def client(self, url: str | None = URL, key: str | None = None) -> FarmClient:
        # A pause between two looks lasts until jobs are being cancelled.
        return FarmClient(
            url, key, transport=httpx.MockTransport(self), sleep=lambda _: self._pause()
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = super().__call__(request)
        if request.method == "DELETE":
            self._cancelling.set()
        if request.method == "GET" and request.url.path not in self._looked_at:
            self._looked_at.add(request.url.path)
            if len(self._looked_at) == IN_FLIGHT:
                os.kill(os.getpid(), signal.SIGINT)
        return answer

    def _pause(self) -> None:
        assert self._cancelling.wait(20)


def test_ctrl_c_cancels_what_is_open_and_drops_what_is_uploaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"bytes")
    farm = InterruptedFarm()
    sources = ["clip.mp4", *["https://example.com/clip.mp4"] * 20]
    done = CliRunner().invoke(cli, ["--url", URL, "probe", *sources], obj=farm.client)
    assert (done.exit_code, done.stderr) == (130, "Interrupted.\n")
    submitted = farm.asked.count("POST /v1/jobs")
    cancelled = {each for each in farm.asked if each.startswith("DELETE /v1/jobs")}
    assert submitted == len(cancelled) == IN_FLIGHT
    assert farm.uploads == {}
