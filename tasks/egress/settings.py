"""What the gate takes from its environment, where it has a container of its own."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from farm.backends.settings import Environment
from tasks.egress.control import Remote
from tasks.egress.policy import DEFAULT_PORTS, Policy
from tasks.egress.rules import parse_allowed, parse_ports, parse_rules

_HOST_AND_PORT = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)):([0-9]{1,5})")
_PORT_MAX = 65_535


def host_and_port(text: str) -> tuple[str, int]:
    """Return what ``gate:3100`` or ``[fd00::5]:3100`` names.

    Raises:
        ValueError: It names no port of a host.
    """
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None or not 1 <= int(match[3]) <= _PORT_MAX:
        raise ValueError("must be a host and a port, such as gate:3100")
    return match[1] or match[2], int(match[3])


def _checked_by(parse: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        try:
            parse(text)
        except ValueError as error:
            raise PydanticCustomError("rule", "{why}", {"why": str(error)}) from None
        return text

    return AfterValidator(check)


HostAndPort = Annotated[str, _checked_by(host_and_port)]


class EgressSettings(Environment):
    """What jobs may reach: the rules of a gate, whoever starts it."""

    egress_allow: Annotated[
        str,
        _checked_by(parse_allowed),
        Field(
            description="What jobs may reach beyond public addresses: networks, hosts or "
            "`*.host`, each perhaps with `:port` or `:port-port`, between commas. Loopback "
            "needs ports."
        ),
    ] = ""
    egress_deny: Annotated[
        str,
        _checked_by(parse_rules),
        Field(description="What jobs may not reach, in the same words; goes before the above."),
    ] = ""
    egress_ports: Annotated[
        str,
        _checked_by(parse_ports),
        Field(description="Ports at which jobs may reach public addresses."),
    ] = DEFAULT_PORTS
    egress_own: Annotated[
        str,
        _checked_by(parse_rules),
        Field(
            description="Where this farm's API and Flower are, as `host:port`, between commas: "
            "no job ever reaches them. Workers know of Redis, broker and the bucket's server; to "
            "a gate of FARM_GATE name these too."
        ),
    ] = ""
    gate_secret: Annotated[
        SecretStr | None,
        Field(
            min_length=32,
            description="What workers and dispatcher show the gate of FARM_GATE, at least 32 "
            "characters.",
        ),
    ] = None


class GateSettings(EgressSettings):
    """Settings of a gate in a container of its own."""

    gate_listen: Annotated[
        HostAndPort,
        Field(
            description="Where a gate of its own takes orders: address and port of this machine."
        ),
    ] = "127.0.0.1:3100"
    gate_secret: Annotated[
        SecretStr, Field(min_length=32, description="As of the workers, and needed here.")
    ]

    @property
    def place(self) -> Remote:
        """Where this gate takes orders."""
        host, port = host_and_port(self.gate_listen)
        return Remote(host, port, self.gate_secret.get_secret_value())

    def policy(self) -> Policy:
        """Return the rules."""
        return Policy(self.egress_allow, self.egress_deny, self.egress_ports, self.egress_own)
