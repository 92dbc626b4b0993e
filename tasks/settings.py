"""What the workers and the dispatcher take from their environment."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from farm.backends.settings import Settings
from tasks.egress.control import Remote
from tasks.egress.keeper import Keeper, KeptElsewhere
from tasks.egress.settings import EgressSettings, HostAndPort, host_and_port

Sandbox = Literal["auto", "required", "off"]


class WorkerSettings(Settings, EgressSettings):
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
    gate: Annotated[
        HostAndPort | None,
        Field(
            description="Where a gate in a container of its own takes orders, as gate:3100. "
            "Without it each worker starts one."
        ),
    ] = None
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

    @field_validator("gate")
    @classmethod
    def _check_secret(cls, gate: str | None, info: ValidationInfo) -> str | None:
        if gate and "gate_secret" in info.data and info.data["gate_secret"] is None:
            raise PydanticCustomError("secret", "takes its secret: set FARM_GATE_SECRET too")
        return gate

    def keeper(self) -> Keeper | KeptElsewhere:
        """Return the keeper of the gate; it has started nothing yet."""
        if self.gate is not None and self.gate_secret is not None:
            host, port = host_and_port(self.gate)
            return KeptElsewhere(Remote(host, port, self.gate_secret.get_secret_value()))
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
