"""Farms that may reach the servers of the tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import IO

from dev.stack import ArtifactsRedis, Ports, Stack
from tests.support.gate import THIS_MACHINE


def a_stack(
    run_dir: Path,
    output: IO[bytes],
    settings: Mapping[str, str] | None = None,
    artifacts: ArtifactsRedis | None = None,
) -> Stack:
    """Return a farm on free ports, not started yet; ``settings`` are variables for its parts."""
    return Stack(
        run_dir,
        Ports.free(),
        output=output,
        settings={"FARM_EGRESS_ALLOW": THIS_MACHINE, **(settings or {})},
        artifacts=artifacts,
    )
