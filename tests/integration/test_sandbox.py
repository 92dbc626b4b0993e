"""Chromium's own sandbox is tried by a real launch; who requires it does not do without."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.stack import ROOT
from farm.jobs.errors import ConfigError
from tasks.pages.chromium import find_chromium
from tasks.pages.sandbox import settle_sandbox, why_no_sandbox
from tests.support.neighbours import need

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
UNUSABLE = """#!/bin/sh
echo 'Failed to connect to the bus' >&2
echo '[1:1:ERROR] No usable sandbox! If you are running on Ubuntu 23.10+' >&2
echo 'Trace/breakpoint trap' >&2
exit 133
"""


def as_nobody(chosen: Path | None) -> str:
    """Return what ``why_no_sandbox`` says to an ordinary user: ``works``, or why not."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if IS_ROOT:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(sending, (why_no_sandbox(chosen) or "works").encode())
            code = 0
        finally:
            os._exit(code)
    os.close(sending)
    with os.fdopen(receiving, "rb") as said:
        text = said.read().decode()
    assert os.waitpid(child, 0)[1] == 0
    return text


@pytest.fixture
def unusable() -> Iterator[Path]:
    """A browser that has no sandbox here, as Chromium says it."""
    program = Path("/tmp") / f"unusable-chromium-{os.getpid()}"
    program.write_text(UNUSABLE)
    program.chmod(0o755)
    yield program
    program.unlink()


@pytest.mark.parametrize("name", ["chromium-headless-shell", "chromium"])
def test_the_sandbox_of_an_ordinary_user_is_tried_by_a_launch(name: str) -> None:
    said = as_nobody(Path(need(name)))
    assert said == "works" or "sandbox" in said.lower() or "namespace" in said.lower()


def test_why_it_does_not_work_is_what_chromium_says_of_it(unusable: Path) -> None:
    assert as_nobody(unusable).startswith("[1:1:ERROR] No usable sandbox!")


def test_a_browser_that_says_nothing_is_named_by_its_end() -> None:
    assert as_nobody(Path("/bin/false")) == "Chromium ended with 1"


@pytest.mark.skipif(not IS_ROOT, reason="only root is refused by Chromium itself")
def test_root_has_none_and_is_told_so_without_a_launch() -> None:
    assert why_no_sandbox(Path("/bin/false")) == "Chromium refuses its own sandbox to root"
    assert settle_sandbox("auto", None) == "off: Chromium refuses its own sandbox to root"


def test_who_wants_none_has_none() -> None:
    assert settle_sandbox("off", None) == "off: FARM_CHROMIUM_SANDBOX says so"


@pytest.mark.skipif(not IS_ROOT, reason="an ordinary user may have a sandbox")
def test_where_it_is_required_and_missing_the_reason_and_the_way_out_are_said() -> None:
    with pytest.raises(ConfigError, match="refuses its own sandbox to root") as refused:
        settle_sandbox("required", find_chromium(None).path)
    assert "seccomp" in refused.value.message


@pytest.mark.redis
@pytest.mark.skipif(not IS_ROOT, reason="an ordinary user may have a sandbox")
@pytest.mark.parametrize(("queues", "starts"), [("pages", False), ("media", True)])
def test_a_worker_for_pages_that_must_have_it_ends_with_78(
    redis_url: str, tmp_path: Path, queues: str, starts: bool
) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FARM_")},
        "TMPDIR": str(tmp_path),
        "FARM_REDIS_URL": redis_url,
        "FARM_CONCURRENCY": "1",
        "FARM_CHROMIUM_SANDBOX": "required",
        "FARM_HEARTBEAT_FILE": str(tmp_path / "heartbeat"),
    }
    argv = [sys.executable, "-m", "celery", "-A", "tasks.worker", "worker", "-Q", queues]
    with subprocess.Popen(
        argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            if not starts:
                said, _ = process.communicate(timeout=60)
                assert process.returncode == 78, said.decode()
                assert b"FARM_CHROMIUM_SANDBOX is required, but: Chromium refuses" in said
                return
            assert process.stdout is not None
            assert any(b"ready" in line for line in process.stdout), "it has no use for a browser"
        finally:
            process.kill()
