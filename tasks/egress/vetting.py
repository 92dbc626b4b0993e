"""Which targets one session may reach, and at which addresses."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from tasks.egress.addresses import Address
from tasks.egress.network import Network
from tasks.egress.policy import Policy, Zone, literal
from tasks.egress.refusals import NotServed

_LOOK_UPS_MAX = 8
"""At once, so that one page cannot keep the others from theirs."""

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True)
class _Found:
    addresses: Sequence[Address]
    zone: Zone | None
    is_unknown: bool = False


class Vetting:
    """Looks each name up once and judges each target once, for the session's whole life.

    So many requests to one host cost one look-up, and a name that changes its address
    meanwhile gains nothing by it.
    """

    def __init__(
        self,
        policy: Policy,
        network: Network,
        zones: frozenset[str],
        main: tuple[str, int] | None,
        *,
        internal_only: bool = False,
    ) -> None:
        """Judge by ``policy``.

        Args:
            policy: What is open at all.
            network: Who knows the names.
            zones: What the session may reach.
            main: Host and port that the session is about. Unless it is internal
                itself, no other internal target is open: a public page shall not reach
                into the operator's network. ``None``: the caller's own page, which may
                reach what the caller may.
            internal_only: Whether even a public target is closed.
        """
        self._policy = policy
        self._network = network
        self._may_internal = Zone.INTERNAL in zones
        self._main = main
        self._internal_only = internal_only
        self._answers: dict[str, asyncio.Task[Sequence[Address]]] = {}
        self._judged: dict[tuple[str, int], asyncio.Task[_Found]] = {}
        self._turns = asyncio.Semaphore(_LOOK_UPS_MAX)

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        """Return where ``host`` may be dialled.

        Raises:
            NotServed: It is forbidden, or not known.
        """
        found = await self._find(host, port)
        if found.is_unknown:
            raise NotServed("dns_error")
        is_closed = found.zone is Zone.PUBLIC and self._internal_only
        if found.zone is None or is_closed:
            raise NotServed("target_forbidden", found.addresses)
        return found.addresses

    async def _find(self, host: str, port: int) -> _Found:
        return await _once(self._judged, (host, port), partial(self._judge, host, port))

    async def _judge(self, host: str, port: int) -> _Found:
        addresses: Sequence[Address]
        internal = await self._may_be_internal(host, port)
        if address := literal(host):
            addresses = (address,)
        elif self._policy.may_look_up(host, port, internal=internal):
            addresses = await self._look_up(host)
            if not addresses:
                return _Found((), None, is_unknown=True)
        else:
            return _Found((), None)
        own = [each for name in self._policy.own_names(port) for each in await self._look_up(name)]
        zone = self._policy.zone(host, port, addresses, own)
        return _Found(addresses, zone if internal or zone is Zone.PUBLIC else None)

    async def _may_be_internal(self, host: str, port: int) -> bool:
        if not self._may_internal or self._main in (None, (host, port)):
            return self._may_internal
        return (await self._find(*self._main)).zone is Zone.INTERNAL

    async def _look_up(self, name: str) -> Sequence[Address]:
        async def in_turn() -> Sequence[Address]:
            async with self._turns:
                return await self._network.look_up(name)

        return await _once(self._answers, name, in_turn)


async def _once(
    memory: dict[K, asyncio.Task[T]], key: K, make: Callable[[], Coroutine[Any, Any, T]]
) -> T:
    """Return what ``make`` makes, or made of the same key before."""
    task = memory.get(key)
    if task is None:
        task = memory[key] = asyncio.create_task(make())
    # Who gives up waiting must not take the answer from the others.
    return task.result() if task.done() else await asyncio.shield(task)
