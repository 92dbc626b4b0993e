"""Process entry: ``python -m tasks.egress.alone``, a gate in a container of its own.

``--check`` looks instead whether the one with these settings does as it is told.
"""

import argparse
import asyncio
import os
import signal
import sys

from farm.backends import logs
from farm.jobs.errors import ConfigError
from tasks.egress.client import Gate
from tasks.egress.control import Remote
from tasks.egress.gate import GateServer, allow_many_connections
from tasks.egress.policy import Policy
from tasks.egress.settings import GateSettings


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tasks.egress.alone")
    parser.add_argument("--check", action="store_true", help="end with 0 if one answers")
    arguments = parser.parse_args()
    try:
        settings = GateSettings.from_environment()
    except ConfigError as error:
        sys.exit(error.message)
    if arguments.check:
        sys.exit(not Gate(settings.place).answers())
    logs.configure()
    allow_many_connections()
    try:
        asyncio.run(_serve(settings.policy(), settings.place))
    except OSError as error:
        sys.exit(f"FARM_GATE_LISTEN: nobody can listen there: {error}")
    # A look-up that hangs holds its thread; nobody waits for it.
    os._exit(0)


async def _serve(policy: Policy, place: Remote) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await GateServer(policy).serve_at(place.host, place.port, place.secret, stop)


if __name__ == "__main__":
    main()
