"""What the workers and the dispatcher take from their environment."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from farm.backends.settings import Settings

Sandbox = Literal["auto", "required", "off"]


class WorkerSettings(Settings):
    """Settings of a worker, and of the dispatcher, which uses a few of them."""

    chromium: Annotated[
        Path | None,
        Field(
            description="Browser to use instead of the one that is found: a system "
            "chromium-headless-shell, Playwright's own headless shell, a system chromium."
        ),
    ] = None
    chromium_sandbox: Annotated[
        Sandbox,
        Field(
            description="Chromium's own sandbox. auto: use it where it works, warn where it does "
            "not; required: refuse page jobs without it; off: never use it."
        ),
    ] = "auto"
    easylist: Annotated[
        Path | None,
        Field(
            description="EasyList for block_ads, instead of the one that was installed; a "
            "worker reads it once."
        ),
    ] = None
    concurrency: Annotated[
        int,
        Field(ge=1, le=64, description="Jobs that one worker runs at once, each in its process."),
    ] = os.cpu_count() or 1  # Rendering is bound by the CPU.
    heartbeat_file: Annotated[
        Path, Field(description="Touched every few seconds while the process works.")
    ] = Path("/tmp/farm-heartbeat")  # noqa: S108 - each container has its own; `make run` sets it
    stop_grace_s: Annotated[
        float,
        Field(
            ge=0,
            description="Seconds for which a worker that is told to stop lets its jobs run on; "
            "then it gives them back, uncounted. Less than what stops it has patience.",
        ),
    ] = 20  # Docker, as compose.yaml sets it, and supervisord kill after 40.
