"""A real gate, which lets tests through to the servers on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from tasks.egress.client import Gate
from tasks.egress.keeper import Keeper

THIS_MACHINE = "127.0.0.0/8:1-65535,localhost:1-65535,*.localhost:1-65535"
"""For `FARM_EGRESS_ALLOW`."""

_gates: list[Gate] = []


@contextmanager
def gate_to_this_machine() -> Iterator[None]:
    """Keep a gate for the block, which ``gate`` gives to whoever asks."""
    keeper = Keeper(allow=THIS_MACHINE)
    keeper.start()
    _gates.append(Gate(keeper.control))
    try:
        yield
    finally:
        _gates.pop().close()
        keeper.stop()


def gate() -> Gate:
    """Return the gate that is kept."""
    return _gates[-1]
