"""Process entry: ``python -m tasks.egress``, which ``tasks.egress.keeper`` starts."""

import argparse
import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from farm.backends import logs
from tasks.egress.gate import GateServer, allow_many_connections
from tasks.egress.policy import Policy

_LOOK_EVERY_S = 0.5
"""How often it is asked whether the worker still is there, where the kernel does not tell."""


def main() -> None:
    """Serve until told to stop, or until the worker is gone."""
    arguments = _parser().parse_args()
    logs.configure()
    allow_many_connections()
    try:
        policy = Policy(arguments.allow, arguments.deny, arguments.ports, arguments.own)
    except ValueError as error:
        sys.exit(str(error))
    asyncio.run(_serve(policy, arguments.control, arguments.parent))
    arguments.control.unlink(missing_ok=True)
    with suppress(OSError):  # There is more in it than ours.
        arguments.control.parent.rmdir()
    # A look-up that hangs holds its thread; nobody waits for it.
    os._exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tasks.egress")
    parser.add_argument("--control", type=Path, required=True, help="socket to make")
    parser.add_argument("--parent", type=int, required=True, help="process to live with")
    for name in ("allow", "deny", "ports", "own"):
        parser.add_argument(f"--{name}", required=True, help="see tasks.egress.policy")
    return parser


async def _serve(policy: Policy, control: Path, parent: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    serving = asyncio.create_task(GateServer(policy).serve(control, stop))
    while os.getppid() == parent and not serving.done():
        await asyncio.wait([serving], timeout=_LOOK_EVERY_S)
    stop.set()
    await serving


if __name__ == "__main__":
    main()
