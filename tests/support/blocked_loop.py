"""A web app on an event loop that can start no process, as Windows' selector loop.

``python blocked_loop.py PORT FARM_URL`` serves it. Each address does one thing, in the
running loop, and answers what came of it.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.async_api import async_playwright
from playwright.sync_api import sync_playwright

from farm.client.http import FarmClient


class BlockedLoop(asyncio.SelectorEventLoop):
    """What ``asyncio.SelectorEventLoop`` is on Windows: it leaves this to its subclasses."""

    async def _make_subprocess_transport(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


def block_new_loops() -> None:
    """Do as ``asyncio.WindowsSelectorEventLoopPolicy`` does there: each new loop is such a one."""

    # Here, because Python 3.14 warns of policies, and whoever imports this may need none.
    class BlockedPolicy(asyncio.DefaultEventLoopPolicy):
        _loop_factory = BlockedLoop

    asyncio.set_event_loop_policy(BlockedPolicy())


class App:
    """The addresses, and what is behind each."""

    def __init__(self, farm_url: str) -> None:
        self._farm = FarmClient(farm_url)
        self.addresses: Mapping[str, Callable[..., Awaitable[object]]] = {
            "/pid": self.pid,
            "/ffprobe": self.ffprobe,
            "/async-playwright": self.async_playwright,
            "/sync-playwright": self.sync_playwright,
            "/sync-playwright-in-a-thread": self.sync_playwright_in_a_thread,
            "/submit": self.submit,
            "/result": self.result,
        }

    async def pid(self) -> int:
        return os.getpid()

    async def ffprobe(self) -> int:
        process = await asyncio.create_subprocess_exec("ffprobe", "-version")
        return await process.wait()

    async def async_playwright(self) -> str:
        async with async_playwright() as playwright:
            return playwright.chromium.name

    async def sync_playwright(self) -> str:
        with sync_playwright() as playwright:
            return playwright.chromium.name

    async def sync_playwright_in_a_thread(self) -> str:
        def start() -> str:
            with sync_playwright() as playwright:
                return playwright.chromium.name

        return await asyncio.to_thread(start)

    # The farm's client needs no loop and no process, so it works even in here.

    async def submit(self, **spec: str) -> str:
        return self._farm.submit({**spec, "timeout": 60_000}).id

    async def result(self, job: str) -> bytes:
        self._farm.wait(job, timeout_s=60)
        return self._farm.result(job)


async def serve(port: int, app: App) -> None:
    """Answer on ``port`` until cancelled: 200, or 500 with the error's name and message."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        address = urlsplit(request.split()[1].decode())
        try:
            made = await app.addresses[address.path](**dict(parse_qsl(address.query)))
            status = b"200 OK"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            made, status = f"{type(error).__name__}: {error}", b"500 Failed"
        body = made if isinstance(made, bytes) else str(made).encode()
        writer.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    block_new_loops()
    asyncio.run(serve(int(sys.argv[1]), App(sys.argv[2])))
