"""The asynchronous client, called as if it were the other one: one suite for both."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

from farm.client.async_batches import AsyncBatch
from farm.client.async_http import AsyncFarmClient
from farm.client.http import FarmClient


class _Awaited:
    """Awaits what a call returns, in a loop of its own, and iterates likewise."""

    def __init__(self, target: Any, loop: asyncio.Runner) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found):
            return found

        def call(*args: Any, **options: Any) -> Any:
            return self._plain(found(*args, **options))

        return call

    def __iter__(self) -> Iterator[Any]:
        return self._each(aiter(self._target))

    def _plain(self, made: Any) -> Any:
        if inspect.iscoroutine(made):
            made = self._loop.run(made)
        if isinstance(made, AsyncBatch):
            return _Awaited(made, self._loop)
        return self._each(made) if inspect.isasyncgen(made) else made

    def _each(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        while True:
            try:
                yield self._loop.run(_next(items))
            except StopAsyncIteration:
                return


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items)


def awaited(client: AsyncFarmClient, loop: asyncio.Runner) -> FarmClient:
    """Return ``client`` as one whose methods need not be awaited."""
    return cast("FarmClient", _Awaited(client, loop))
