"""How a worker's child speaks with the gate."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from farm.jobs.errors import BackendUnavailable
from farm.jobs.metrics.names import GATE_BYTES, GATE_REQUESTS
from tasks.egress.control import Control, Place
from tasks.tallies import Tallies

NET_S = 10.0
"""How much longer than its job a session may last: who cuts a page off at the deadline
itself takes from it what tells why it was not ready."""
_PATIENCE_S = 5.0
"""For a gate that is just being started; it takes a fifth of a second on a quiet machine."""
_AGAIN_S = 0.05


@dataclass(frozen=True)
class Limits:
    """How much one session may do."""

    max_bytes: int
    """Received and sent, together."""
    max_requests: int
    """Tunnels count as one each."""
    max_seconds: float


class Session:
    """What happened at the gate in one job's time. May be asked after its end too."""

    def __init__(self, control: Control) -> None:
        """Ask ``control``, until the end."""
        self._control = control
        self._last: dict[str, Any] | None = None

    def refusal(self, host: str, port: int) -> str | None:
        """Return why a request there was last not served; ``None`` if none was refused.

        It is the code of an error of the farm: ``target_forbidden``, ``dns_error``,
        ``connection_failed``, ``response_too_large`` or ``timeout``.

        Raises:
            BackendUnavailable: The gate is away.
        """
        name = host.lower().strip("[]").removesuffix(".")
        for entry in reversed(self._report()["log"]):
            if (entry["host"], entry["port"]) == (name, port) and entry["verdict"] != "allowed":
                return str(entry["verdict"])
        return None

    def refusal_of(self, url: str) -> str | None:
        """Return the same of where ``url`` leads to.

        Raises:
            BackendUnavailable: The gate is away.
        """
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme in {"https", "wss"} else 80)
        return self.refusal(parts.hostname or "", port)

    @property
    def last_refusal(self) -> str | None:
        """Why the last request of all was not served; ``None``: it was."""
        verdict = next((entry["verdict"] for entry in reversed(self._report()["log"])), "allowed")
        return None if verdict == "allowed" else str(verdict)

    @property
    def proxy(self) -> str:
        """Address of the proxy that this session's requests must go through."""
        return self._control.proxy

    @property
    def denied(self) -> int:
        """How many requests were forbidden."""
        return int(self._report()["denied"])

    @property
    def cut(self) -> str | None:
        """Why all was broken off, ``response_too_large`` or ``timeout``; ``None``: it was not."""
        cut = self._report()["cut"]
        return None if cut is None else str(cut)

    def count_in(self, tallies: Tallies) -> None:
        """Count what happened, once it has ended."""
        report = self._report()
        tallies.count(GATE_BYTES, by=int(report["bytes"]))
        for verdict, times in report["verdicts"].items():
            tallies.count(GATE_REQUESTS, verdict, by=int(times))

    def end(self) -> None:
        """Break off all that is left of it.

        Raises:
            BackendUnavailable: The gate is away, or was meanwhile.
        """
        self._last = self._control.order("end")

    def _report(self) -> dict[str, Any]:
        return self._last or self._control.order("log")


class Gate:
    """The gate, as one child sees it. Made before a fork, used after it, by one thread."""

    def __init__(self, control: Place) -> None:
        """Connect to ``control`` once something is wanted."""
        self.control = control
        self.tallies = Tallies()
        """What this process counts, here and elsewhere."""
        self._connection: Control | None = None

    @property
    def port(self) -> int:
        """Where the proxy listens. Another one after a restart of the gate.

        Raises:
            BackendUnavailable: The gate is away.
        """
        return self._connected().port

    @property
    def proxy(self) -> str:
        """Address of the proxy, with that port.

        Raises:
            BackendUnavailable: The gate is away.
        """
        return self._connected().proxy

    @property
    def requests(self) -> int:
        """How many requests came in the present session, or since the last one, served or not.

        Raises:
            BackendUnavailable: The gate is away.
        """
        return int(self._connected().order("log")["requests"])

    @contextmanager
    def session(
        self,
        job_id: str,
        *,
        zones: Collection[str],
        url: str | None,
        limits: Limits,
        internal_only: bool = False,
    ) -> Iterator[Session]:
        """Let requests through for the block, and not after it.

        Args:
            job_id: For the operator's log.
            zones: What the job may reach: ``public``, ``internal``.
            url: What it is about; unless that is internal, nothing else may be.
                ``None``: a page that the caller sent, which may reach what the caller may.
            limits: Beyond them everything is broken off.
            internal_only: Whether even a public target is closed.

        Raises:
            BackendUnavailable: The gate is away or went away, so that nothing that the
                block found can be relied on.
        """
        control = self._connected()
        terms = {**asdict(limits), "internal_only": internal_only}
        control.order("begin", job=job_id, zones=sorted(zones), url=url, **terms)
        session = Session(control)
        try:
            yield session
        except Exception:
            self._end(session)
            raise
        self._end(session)

    def answers(self) -> bool:
        """Return whether the gate does as it is told, having told it something."""
        try:
            self._connected().order("log")
        except BackendUnavailable:
            return False
        return True

    def close(self) -> None:
        """Give the port back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _end(self, session: Session) -> None:
        session.end()
        session.count_in(self.tallies)

    def _connected(self) -> Control:
        if self._connection is not None and not self._connection.is_lost:
            return self._connection
        self.close()
        give_up_at = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self._connection = Control(self.control)
            except OSError as error:
                if time.monotonic() >= give_up_at:
                    raise BackendUnavailable("The gate is away.") from error
                time.sleep(_AGAIN_S)
            else:
                return self._connection
