"""Requests to one farm: addressed, authorised, bounded in time, tried again where that is safe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


class Connection:
    """Sends calls to the farm at ``address``. Threads may share it; forked processes may not."""

    def __init__(
        self,
        address: Address,
        *,
        sleep: Callable[[float], None],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Set up; nothing is sent yet."""
        self.address = address
        self.sleep = sleep
        self._client = httpx.Client(
            base_url=address.url,
            headers=address.headers,
            transport=transport,
            trust_env=address.heeds_proxies,
        )

    def close(self) -> None:
        """Close the sockets. Calling it twice does no harm."""
        self._client.close()

    def fetch(self, call: Call) -> httpx.Response:
        """Return the whole answer to ``call``; sent and raises as with ``take``."""

        def whole(response: httpx.Response) -> httpx.Response:
            response.read()
            return response

        return self.take(call, whole)

    def ask(self, call: Call, model: type[_Model]) -> _Model:
        """Return the answer to ``call`` as a ``model``; raises as ``take`` does."""
        return parsed(self.fetch(call), model)

    def ask_for_any(self, call: Call, model: type[_Model]) -> _Model | None:
        """Answer like ``ask``, or with ``None`` if the farm had nothing to say (204)."""
        return parsed_or_none(self.fetch(call), model)

    def do(self, steps: Steps[_T]) -> _T:
        """Send what ``steps`` wants to know, one call after the other; return what it returns."""
        pace = Pace()
        try:
            call = next(steps)
            while True:
                self._pause(pace.pause_before(call))
                pace.sends()
                call = steps.send(self.fetch(call))
        except StopIteration as end:
            result: _T = end.value
            return result

    def download(self, download: Download) -> None:
        """Fetch what becomes a file; sent and raises as with ``take``, and as it says itself."""

        def read(response: httpx.Response) -> None:
            with download.begun() as take:
                for piece in response.iter_bytes():
                    take(piece)

        self.take(download.call, read)

    def take(self, call: Call, read: Callable[[httpx.Response], _T]) -> _T:
        """Return what ``read`` makes of the answer to ``call``, whose body is still to come.

        A GET that finds no farm or a passing trouble is sent again, and a call with an
        idempotency key, also where the body breaks off; so is any call that is turned away
        with a 429 or 503 and ``Retry-After``: nothing ran then, as far as the farm knows.

        Raises:
            FarmUnreachable: No whole answer came.
            ApiError: An error status that is not among ``call.expected``.
            UnreadableAnswer: A redirect; a farm never sends one.
        """
        retries = Retries(call)
        while True:
            try:
                with self.opened(call) as response:
                    return read(response)
            except ClientError as error:
                pause_s = retries.pause_after(error)
                if pause_s is None:
                    raise
            self._pause(pause_s)

    @contextmanager
    def opened(self, call: Call) -> Iterator[httpx.Response]:
        """Send ``call`` once and give its answer, with the body left to read in the block."""
        request = self._client.build_request(
            call.method,
            call.path,
            params=call.params,
            headers=call.headers,
            json=call.json,
            content=call.body and call.body(),
            timeout=self.address.timeout_of(call),
        )
        with translated(self.address):
            response = self._client.send(request, stream=True)
            try:
                if not is_regular(response, call):
                    response.read()
                    raise error_of(response)
                yield response
            finally:
                response.close()

    def _pause(self, pause_s: float) -> None:
        if pause_s > 0:
            self.sleep(pause_s)
