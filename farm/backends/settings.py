"""How the farm reads its environment: one frozen object per kind of process.

Every name starts with ``FARM_``. A secret may come from a file instead: put its
path into the same name with ``_FILE`` behind it.
"""

import difflib
import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from farm.jobs.errors import ConfigError

PREFIX = "FARM_"

KNOWN_NAMES = frozenset(
    {
        # Every process.
        "ALLOW_INSECURE_REDIS",
        "REDIS_URL",
        "ARTIFACTS_REDIS_URL",
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


def _existing_folder(path: Path) -> Path:
    if not path.is_dir():
        raise PydanticCustomError("folder", "must be the path of a folder that is there")
    return path


_RedisUrl = Annotated[str, Field(pattern=r"^(redis|rediss|unix)://")]


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


class Settings(Environment):
    """Base of the settings of each process that reaches Redis."""

    allow_insecure_redis: Annotated[
        bool,
        Field(
            description="Whether a Redis of another machine may be without a password. Whoever "
            "reaches it reads all jobs and runs what it likes through the workers."
        ),
    ] = False
    redis_url: Annotated[
        _RedisUrl, Field(description="Redis with records and Celery's lists. May hold a password.")
    ] = "redis://127.0.0.1:6379/0"
    artifacts_redis_url: Annotated[
        _RedisUrl | None,
        Field(
            description="Redis with artifacts, one that may throw the oldest away when it is full. "
            "Without it they lie beside the records. May hold a password."
        ),
    ] = None
    uploads_dir: Annotated[
        Annotated[Path, AfterValidator(_existing_folder)] | None,
        Field(
            description="Folder for uploads, shared by the API, the dispatcher and the workers for "
            "media, which may have it read-only. Without it uploads lie where artifacts do."
        ),
    ] = None

    @field_validator("redis_url", "artifacts_redis_url")
    @classmethod
    def _check_password(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url and not info.data.get("allow_insecure_redis") and _is_open_to_others(url):
            message = (
                "must have a password, as in redis://user:password@host:6379/0; where nobody but "
                "the farm reaches this Redis, FARM_ALLOW_INSECURE_REDIS=1 does without"
            )
            raise PydanticCustomError("password", message)
        return url


def _is_open_to_others(redis_url: str) -> bool:
    """Return whether the address has no password, and is not this machine's."""
    url = urlsplit(redis_url)
    if url.scheme == "unix" or url.password or "password" in parse_qs(url.query):
        return False
    host = url.hostname or "localhost"
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


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
