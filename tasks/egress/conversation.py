"""What one client asks for, request after request, each judged anew."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from tasks.egress.addresses import Address
from tasks.egress.answers import Answer
from tasks.egress.framing import Malformed
from tasks.egress.pool import Link
from tasks.egress.refusals import MALFORMED, TUNNEL, NotServed, own_answer
from tasks.egress.requests import Request, head_end, parse
from tasks.egress.session import Session
from tasks.egress.wire import Wire, splice

_HEAD_S = 15.0
"""For a head to come whole; also how long a connection may wait for its next request."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BROKEN = (Malformed, ConnectionError)


class _Unheard(NotServed):
    """The server broke off before a byte of its answer."""


class Conversation:
    """One connection of a client, from its first request to its end."""

    def __init__(self, wire: Wire, session: Session) -> None:
        """Serve what comes by ``wire``."""
        self._wire = wire
        self._session = session
        self._held = b""
        """Of the next request, what has come."""

    async def hold(self) -> None:
        """Serve request after request; to be cancelled when the client hangs up."""
        try:
            while await self._turn():
                pass
            self._wire.linger()
        except _BROKEN:
            # What went out of an answer must not pass for the whole.
            self._wire.abort()
        except BaseException:
            self._wire.abort()
            raise

    async def _turn(self) -> bool:
        """Serve one request; return whether the client may send another."""
        try:
            request = await self._request()
        except (Malformed, TimeoutError) as error:
            if self._held or isinstance(error, Malformed):
                self._wire.transport.write(MALFORMED)
            return False
        host, port = request.target.host, request.target.port
        try:
            addresses = await self._session.admit(host, port)
            async with self._session.turns[host]:
                if request.is_tunnel:
                    return await self._tunnel(request, addresses)
                return await self._relay(request, addresses)
        except NotServed as refusal:
            self._session.note(host, port, refusal)
            return await self._refuse(request, refusal)

    async def _request(self) -> Request:
        """Return the next request.

        Raises:
            Malformed: It is none.
            TimeoutError: It does not come.
        """
        async with asyncio.timeout(_HEAD_S):
            while (end := head_end(self._held)) is None:
                self._held += await self._wire.read()
        head, self._held = self._held[:end], self._held[end:]
        return parse(head)

    async def _refuse(self, request: Request, refusal: NotServed) -> bool:
        stays = request.stays and request.body.is_over
        to_head = request.method == b"HEAD"
        await self._wire.send(own_answer(refusal.code, to_head=to_head, stays=stays))
        return stays

    async def _tunnel(self, request: Request, addresses: Sequence[Address]) -> bool:
        target = request.target
        link = await self._session.pool.dial(target.host, target.port, addresses)
        self._wire.transport.write(TUNNEL)
        link.wire.transport.write(self._held)
        splice(self._wire, link.wire)
        await self._wire.read()  # There is nothing to be read but the end.
        return False

    async def _relay(self, request: Request, addresses: Sequence[Address]) -> bool:
        pool, target = self._session.pool, request.target
        kept = pool.take(target.host, target.port, addresses) if request.is_repeatable else None
        if kept is not None:
            with suppress(_Unheard):  # The server closed it at that very moment.
                return await self._exchange(request, kept)
        link = await pool.dial(target.host, target.port, addresses)
        return await self._exchange(request, link)

    async def _exchange(self, request: Request, link: Link) -> bool:
        """Send the request and pass the answer on.

        Raises:
            NotServed: The client has got nothing of an answer yet.
            Malformed: It has, and there is no more.
            ConnectionError: Likewise.
        """
        answer, server = Answer(request), link.wire
        try:
            server.transport.write(request.head)
            if not request.body.is_over:
                await self._send_body(request, server)
            await self._wire.send(await _beginning(answer, server))
            while not answer.is_over:
                data = await server.read()
                await self._wire.send(answer.take(data) if data else answer.end())
        except BaseException:
            server.abort()
            raise
        if answer.server_stays and request.body.is_over:
            self._session.pool.keep(link)
        else:
            server.close()
        return answer.client_stays

    async def _send_body(self, request: Request, server: Wire) -> None:
        """Pass the body on, until its end or a word of the server."""
        if request.waits:
            self._wire.transport.write(_CONTINUE)
        data = self._held
        while not server.has_news:
            await server.send(request.body.take(data))
            if request.body.is_over:
                self._held = request.body.surplus
                return
            data = await self._wire.read()


async def _beginning(answer: Answer, server: Wire) -> bytes:
    """Return the first that the client gets of the answer.

    Raises:
        NotServed: There is nothing.
    """
    is_heard = False
    try:
        while True:
            data = await server.read()
            is_heard = is_heard or bool(data)
            if out := answer.take(data) if data else answer.end():
                return out
    except _BROKEN as error:
        raise (NotServed if is_heard else _Unheard)("connection_failed") from error
