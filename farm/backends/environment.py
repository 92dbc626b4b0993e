"""How the farm reads its environment: one frozen object per kind of process.

Every name starts with ``FARM_``. A secret may come from a file instead: put its
path into the same name with ``_FILE`` behind it.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from farm.jobs.errors import ConfigError

PREFIX = "FARM_"

KNOWN_NAMES = frozenset(
    {
        # Every process.
        "ALLOW_INSECURE_REDIS",
        "REDIS_URL",
        "BROKER_URL",
        "ARTIFACTS_REDIS_URL",
        "ARTIFACTS_BUCKET",
        "ARTIFACTS_ENDPOINT",
        "ARTIFACTS_REGION",
        "ARTIFACTS_ACCESS_KEY",
        "ARTIFACTS_SECRET_KEY",
        "UPLOADS_DIR",
        # The API.
        "BACKLOG_MAX",
        "BATCH_ITEMS_MAX",
        "BATCH_MAX_BYTES",
        "FLOWER_URL",
        "METRICS_HOST",
        "OPEN_JOBS_MAX",
        "REQUESTS_PER_MINUTE",
        "SECRET",
        "UPLOAD_MAX_BYTES",
        "WAITERS_MAX",
        # Workers and dispatcher.
        "CHROMIUM",
        "CHROMIUM_SANDBOX",
        "CONCURRENCY",
        "EASYLIST",
        "EGRESS_ALLOW",
        "EGRESS_DENY",
        "EGRESS_OWN",
        "EGRESS_PORTS",
        "GATE",
        "GATE_SECRET",
        "HEARTBEAT_FILE",
        "OTLP_ENDPOINT",
        "STOP_GRACE_S",
        # A gate in a container of its own.
        "GATE_LISTEN",
        # The client and the command line.
        "URL",
        "KEY",
        # What `make run`, `make demo` and compose start.
        "API_PORT",
        "DASHBOARD_URL",
        "EXTRAS",
        "NETWORKS",
        "FLOWER_PORT",
        "GRAFANA_PORT",
        "PROMETHEUS_PORT",
        "REDIS_PORT",
        "PAGES_CONCURRENCY",
        "MEDIA_CONCURRENCY",
    }
)
"""All that any part of the farm reads. Processes share one environment, so each must
know the others' names to tell a foreign one from a typing error."""


class Environment(BaseModel):
    """Base of all settings. Field names are the variables' in lower case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Return the settings that ``environment`` (``None``: the process's own) describes.

        Raises:
            ConfigError: One message with every mistake in it: the variable, what
                is wrong with it, and the nearest known name of an unknown one.
        """
        found, mistakes = _collect(os.environ if environment is None else environment)
        own = {
            name.lower(): value for name, value in found.items() if name.lower() in cls.model_fields
        }
        try:
            settings = cls.model_validate(own)
        except ValidationError as error:
            mistakes += [
                f"{PREFIX}{str(wrong['loc'][0]).upper()}: {wrong['msg']}"
                for wrong in error.errors()
            ]
        if mistakes:
            raise ConfigError("The environment is wrong:\n" + "\n".join(f"  {m}" for m in mistakes))
        return settings


def _collect(environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    mistakes: list[str] = []
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or not value:
            continue  # An empty value is how compose files say "not set".
        name = variable.removeprefix(PREFIX)
        from_file = name.removesuffix("_FILE")
        if name in KNOWN_NAMES:
            found[name] = value
        elif name != from_file and from_file in KNOWN_NAMES:
            if environment.get(f"{PREFIX}{from_file}"):
                mistakes.append(f"{variable}: {PREFIX}{from_file} is set too; give one of them")
                continue
            try:
                found[from_file] = Path(value).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                # Not the value: somebody may have put the secret itself there.
                mistakes.append(f"{variable}: must be the path of a text file that can be read")
        else:
            near = difflib.get_close_matches(name, KNOWN_NAMES, n=1)
            hint = f"; did you mean {PREFIX}{near[0]}?" if near else ""
            mistakes.append(f"{variable}: no such setting{hint}")
    return found, mistakes
