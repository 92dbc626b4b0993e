"""Requests to one farm: addressed, authorised, bounded in time, tried again where that is safe.

What httpx raises is translated here and stops here.
"""

import ipaddress
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from farm.client.calls import Call
from farm.client.errors import (
    ApiError,
    ClientError,
    FarmUnavailable,
    FarmUnreachable,
    Misconfigured,
    Problem,
    RequestInvalid,
    RequestRefused,
    UnreadableAnswer,
)

RETRY_AFTER_MAX_S = 30.0
"""A farm that asks for a longer pause is not waited for: the caller should decide."""

_CONNECT_TIMEOUT_MAX_S = 5.0
_FIRST_PAUSE_S = 0.5
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
_PASSING = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_RANDOM = random.SystemRandom()
_Model = TypeVar("_Model", bound=BaseModel)


class Connection:
    """Sends calls to the farm at ``url``. Threads may share it; forked processes may not."""

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        timeout_s: float,
        sleep: Callable[[float], None],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Check address and key; nothing is sent yet.

        Raises:
            Misconfigured: Address or key cannot be used.
        """
        address = _checked_url(url)
        self.url = str(address).rstrip("/")
        self.key_in_clear = key is not None and address.scheme == "http" and not _is_near(address)
        self._timeout_s = timeout_s
        self._sleep = sleep
        headers = {"User-Agent": "renderfarm-client"}
        if key is not None:
            headers["Authorization"] = f"Bearer {_checked_key(key)}"
        self._client = httpx.Client(
            base_url=address,
            headers=headers,
            transport=transport,
            # A company's HTTP_PROXY knows nothing of a farm on this machine.
            trust_env=not _is_near(address),
        )

    def close(self) -> None:
        """Close the sockets. Calling it twice does no harm."""
        self._client.close()

    def fetch(self, call: Call) -> httpx.Response:
        """Return the whole answer to ``call``.

        A GET that finds no farm or a passing trouble is sent again, and a call with an
        idempotency key; so is any call that is turned away with a 429 or 503 and
        ``Retry-After``: nothing ran then, as far as the farm knows.

        Raises:
            FarmUnreachable: No whole answer came.
            ApiError: An error status that is not among ``call.expected``.
            UnreadableAnswer: A redirect; a farm never sends one.
        """
        return self._send(call, stream=False)

    def ask(self, call: Call, model: type[_Model]) -> _Model:
        """Return the answer to ``call`` as a ``model``; raises as ``fetch`` does."""
        return _parsed(self.fetch(call), model)

    def ask_for_any(self, call: Call, model: type[_Model]) -> _Model | None:
        """Answer like ``ask``, or with ``None`` if the farm had nothing to say (204)."""
        response = self.fetch(call)
        return _parsed(response, model) if response.content else None

    @contextmanager
    def stream(self, call: Call) -> Iterator[httpx.Response]:
        """Answer like ``fetch``, with the body left to read in the block.

        A body that breaks off raises ``FarmUnreachable`` and is not asked for again.
        """
        response = self._send(call, stream=True)
        try:
            with self._translated():
                yield response
        finally:
            response.close()

    def _send(self, call: Call, *, stream: bool) -> httpx.Response:
        tried = 0
        while True:
            try:
                with self._translated():
                    return self._send_once(call, stream=stream)
            except (FarmUnreachable, ApiError) as error:
                pause_s = _pause_before_retry(call, error, tried)
                if pause_s is None:
                    raise
            self._sleep(pause_s)
            tried += 1

    def _send_once(self, call: Call, *, stream: bool) -> httpx.Response:
        request = self._client.build_request(
            call.method,
            call.path,
            params=call.params,
            headers=call.headers,
            json=call.json,
            content=call.body and call.body(),
            timeout=httpx.Timeout(
                self._timeout_s + call.wait_s,
                connect=min(self._timeout_s, _CONNECT_TIMEOUT_MAX_S),
            ),
        )
        response = self._client.send(request, stream=stream)
        if response.is_success or response.status_code in call.expected:
            return response
        try:
            response.read()
        finally:
            response.close()
        raise _error_of(response)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.RequestError as error:
            reason = str(error) or type(error).__name__
            raise FarmUnreachable(f"No answer from the farm at {self.url}: {reason}.") from error


def _pause_before_retry(call: Call, error: ClientError, tried: int) -> float | None:
    if tried >= call.retries:
        return None
    # Callers that failed together must not come back together.
    backoff_s = _FIRST_PAUSE_S * 2**tried * _RANDOM.uniform(0.5, 1)
    if isinstance(error, ApiError):
        if error.status not in _PASSING:
            return None
        if error.retry_after_s is not None:
            asked_s = error.retry_after_s
            return asked_s + backoff_s if asked_s <= RETRY_AFTER_MAX_S else None
    return backoff_s if call.may_come_twice else None


def _parsed(response: httpx.Response, model: type[_Model]) -> _Model:
    try:
        # A newer farm may say more than this client knows.
        return model.model_validate_json(response.content, extra="ignore")
    except ValidationError as error:
        address = response.url.copy_with(query=None)
        raise UnreadableAnswer(f"{address} did not answer as a farm does.") from error


def _error_of(response: httpx.Response) -> ClientError:
    status = response.status_code
    if response.is_redirect:
        return UnreadableAnswer(
            f"{response.url} redirects to {response.headers['Location']};"
            " give the farm's address as it is in the end."
        )
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        title = f"{response.url} answered {status} {response.reason_phrase}".rstrip() + "."
        problem = Problem(code=f"http_{status}", title=title, retryable=status in _PASSING)
    kind: type[ApiError] = RequestInvalid
    if status in _REFUSED:
        kind = RequestRefused
    elif response.is_server_error:
        kind = FarmUnavailable
    return kind(status, problem, _retry_after_s(response))


def _retry_after_s(response: httpx.Response) -> float | None:
    # A date (RFC 9110, 10.2.3) counts as absent: a farm sends seconds.
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdecimal() else None


def _checked_url(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Misconfigured(f"The farm's address is not a URL: {error}.") from error
    if address.scheme not in ("http", "https") or not address.host:
        raise Misconfigured(
            f"The farm's address must be like http://127.0.0.1:8000, which {url!r} is not."
        )
    if address.userinfo or address.query or address.fragment:
        raise Misconfigured("The farm's address must have no user name, query or fragment.")
    return address


def _checked_key(key: str) -> str:
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise Misconfigured("The farm's key has a character that no key has; was it copied whole?")
    return key


def _is_near(address: httpx.URL) -> bool:
    if address.host == "localhost" or address.host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return False
