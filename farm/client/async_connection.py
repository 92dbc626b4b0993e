"""Requests to one farm, awaited. What is not I/O it shares with ``farm.client.connection``."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
from pydantic import BaseModel

from farm.client.addresses import Address
from farm.client.answers import error_of, is_regular, parsed, parsed_or_none, translated
from farm.client.calls import Call
from farm.client.downloads import Download
from farm.client.errors import ClientError
from farm.client.retries import Retries
from farm.client.steps import Pace, Steps

_T = TypeVar("_T")
_Model = TypeVar("_Model", bound=BaseModel)

Sleep = Callable[[float], Awaitable[None]]


class AsyncConnection:
    """``Connection``, for one event loop."""

    def __init__(
        self,
        address: Address,
        *,
        sleep: Sleep,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Set up; nothing is sent yet."""
        self.address = address
        self.sleep = sleep
        self._client = httpx.AsyncClient(
            base_url=address.url,
            headers=address.headers,
            transport=transport,
            trust_env=address.heeds_proxies,
        )

    async def close(self) -> None:
        """Close the sockets. Calling it twice does no harm."""
        await self._client.aclose()

    async def fetch(self, call: Call) -> httpx.Response:
        """See ``Connection.fetch``."""

        async def whole(response: httpx.Response) -> httpx.Response:
            await response.aread()
            return response

        return await self.take(call, whole)

    async def ask(self, call: Call, model: type[_Model]) -> _Model:
        """See ``Connection.ask``."""
        return parsed(await self.fetch(call), model)

    async def ask_for_any(self, call: Call, model: type[_Model]) -> _Model | None:
        """See ``Connection.ask_for_any``."""
        return parsed_or_none(await self.fetch(call), model)

    async def do(self, steps: Steps[_T]) -> _T:
        """See ``Connection.do``."""
        pace = Pace()
        try:
            call = next(steps)
            while True:
                await self._pause(pace.pause_before(call))
                pace.sends()
                call = steps.send(await self.fetch(call))
        except StopIteration as end:
            result: _T = end.value
            return result

    async def download(self, download: Download) -> None:
        """See ``Connection.download``. The file is written piece by piece, between two awaits."""

        async def read(response: httpx.Response) -> None:
            with download.begun() as take:
                async for piece in response.aiter_bytes():
                    take(piece)

        await self.take(download.call, read)

    async def take(self, call: Call, read: Callable[[httpx.Response], Awaitable[_T]]) -> _T:
        """See ``Connection.take``."""
        retries = Retries(call)
        while True:
            try:
                async with self.opened(call) as response:
                    return await read(response)
            except ClientError as error:
                pause_s = retries.pause_after(error)
                if pause_s is None:
                    raise
            await self._pause(pause_s)

    @asynccontextmanager
    async def opened(self, call: Call) -> AsyncIterator[httpx.Response]:
        """See ``Connection.opened``."""
        request = self._client.build_request(
            call.method,
            call.path,
            params=call.params,
            headers=call.headers,
            json=call.json,
            content=call.body and _awaited(call.body()),
            timeout=self.address.timeout_of(call),
        )
        with translated(self.address):
            response = await self._client.send(request, stream=True)
            try:
                if not is_regular(response, call):
                    await response.aread()
                    raise error_of(response)
                yield response
            finally:
                await response.aclose()

    async def _pause(self, pause_s: float) -> None:
        if pause_s > 0:
            await self.sleep(pause_s)


async def _awaited(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
