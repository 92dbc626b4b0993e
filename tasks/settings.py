"""What the workers and the dispatcher take from their environment."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from farm.backends.settings import Settings
from tasks.egress.keeper import Keeper
from tasks.egress.policy import DEFAULT_PORTS
from tasks.egress.rules import parse_allowed, parse_ports, parse_rules

Sandbox = Literal["auto", "required", "off"]


def _checked_by(parse: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        try:
            parse(text)
        except ValueError as error:
            raise PydanticCustomError("rule", "{why}", {"why": str(error)}) from None
        return text

    return AfterValidator(check)


class WorkerSettings(Settings):
    """Settings of a worker, and of the dispatcher, which uses a few of them."""

    chromium: Annotated[
        Path | None,
        Field(
            description="Browser to use instead of the one that is found: a system "
            "chromium-headless-shell, Playwright's own headless shell, a system chromium."
        ),
    ] = None
    chromium_sandbox: Annotated[
        Sandbox,
        Field(
            description="Chromium's own sandbox. auto: use it where it works, warn where it does "
            "not; required: without it a worker for pages does not start, and ends with 78; off: "
            "never use it."
        ),
    ] = "auto"
    easylist: Annotated[
        Path | None,
        Field(
            description="EasyList for block_ads, instead of the one that was installed; a "
            "worker reads it once."
        ),
    ] = None
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
            "no job ever reaches them. Of Redis, broker and the bucket's server the workers know."
        ),
    ] = ""
    concurrency: Annotated[
        int,
        Field(ge=1, le=64, description="Jobs that one worker runs at once, each in its process."),
    ] = os.cpu_count() or 1  # Rendering is bound by the CPU.
    heartbeat_file: Annotated[
        Path, Field(description="Touched every few seconds while the process works.")
    ] = Path("/tmp/farm-heartbeat")  # noqa: S108 - each container has its own; `make run` sets it
    stop_grace_s: Annotated[
        float,
        Field(
            ge=0,
            description="Seconds for which a worker that is told to stop lets its jobs run on; "
            "then it gives them back, uncounted. Less than what stops it has patience.",
        ),
    ] = 20  # Docker, as compose.yaml sets it, and supervisord kill after 40.

    otlp_endpoint: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^/\s]+",
            description="Collector that traces of jobs are sent to, as `http://collector:4318`, by "
            "OpenTelemetry's protocol. Takes `renderfarm[otel]`.",
        ),
    ] = None

    def keeper(self) -> Keeper:
        """Return the keeper of a gate with these rules; it has started nothing yet."""
        return Keeper(
            allow=self.egress_allow,
            deny=self.egress_deny,
            ports=self.egress_ports,
            own=self.own_services,
        )

    @property
    def own_services(self) -> str:
        """What no job may reach, as ``egress_own``, with every server that keeps things."""
        return ",".join([*self.servers, *filter(None, [self.egress_own])])
