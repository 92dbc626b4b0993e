"""A gate as a process of its own, as its container has it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dev.stack import ROOT
from tasks.egress.client import Gate
from tasks.egress.control import Remote
from tests.support.neighbours import free_port
from tests.support.waiting import until

SECRET = "a secret of thirty-two characters"


class GateAlone:
    """Takes orders at one port of loopback, each time that it is started."""

    def __init__(self, **settings: str) -> None:
        """Start nothing yet; ``settings`` are variables without prefix."""
        self.place = Remote("127.0.0.1", free_port(), SECRET)
        self.address = f"127.0.0.1:{self.place.port}"
        self._environment = {
            "PATH": "",
            "FARM_GATE_LISTEN": self.address,
            "FARM_GATE_SECRET": SECRET,
            **{f"FARM_{name}": value for name, value in settings.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return once it takes orders."""
        gate = Gate(self.place)

        def answers() -> bool:
            # Its port may be somebody's for a moment. An engine starts it again as well.
            if self.process is None or self.process.poll() is not None:
                self.kill()
                self.process = self.run()
            return gate.answers()

        until(answers, "the gate takes orders")
        gate.close()

    def run(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Run its command."""
        return subprocess.Popen(
            [sys.executable, "-m", "tasks.egress.alone", *arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@contextmanager
def gate_alone(**settings: str) -> Iterator[GateAlone]:
    """Have one for the block."""
    gate = GateAlone(**settings)
    try:
        gate.start()
        yield gate
    finally:
        gate.kill()
