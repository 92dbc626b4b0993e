"""How the farm reads its environment: one frozen object per kind of process.

Every name starts with ``FARM_``. A secret may come from a file instead: put its
path into the same name with ``_FILE`` behind it.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from farm.backends.addresses import RedisUrl, is_open_to_others, places
from farm.backends.buckets import Bucket
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
        RedisUrl,
        Field(
            description="Redis with records and Celery's lists. May hold a password. Or Sentinels "
            "that know it, as `sentinel://user:password@host:26379,host:26379/name/0`."
        ),
    ] = "redis://127.0.0.1:6379/0"
    broker_url: Annotated[
        str | None,
        Field(
            pattern=r"^amqps?://",
            description="RabbitMQ with Celery's queues instead, as "
            "`amqp://user:password@host:5672/vhost`. Records stay in Redis.",
        ),
    ] = None
    artifacts_redis_url: Annotated[
        RedisUrl | None,
        Field(
            description="Redis with artifacts, one that may throw the oldest away when it is full. "
            "Without it they lie beside the records. May hold a password."
        ),
    ] = None
    artifacts_bucket: Annotated[
        str | None,
        Field(
            pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*/?$",
            description="Bucket with artifacts instead, as `s3://bucket` or `s3://bucket/prefix`, "
            "of S3 or a server that speaks its words. Takes `renderfarm[s3]`.",
        ),
    ] = None
    artifacts_endpoint: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^/\s@]+/?$",
            description="Address of the bucket's server, as `https://minio:9000`. Without it "
            "Amazon's own.",
        ),
    ] = None
    artifacts_region: Annotated[
        str, Field(pattern=r"^[a-z0-9-]+$", description="Region of the bucket.")
    ] = "us-east-1"
    artifacts_access_key: Annotated[
        str | None,
        Field(
            description="Id of the key for the bucket. Without it AWS's own variables or the "
            "machine's role say who asks."
        ),
    ] = None
    artifacts_secret_key: Annotated[
        SecretStr | None, Field(validate_default=True, description="The key's secret.")
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
        if url and not info.data.get("allow_insecure_redis") and is_open_to_others(url):
            message = (
                "must have a password, as in redis://user:password@host:6379/0; where nobody but "
                "the farm reaches this Redis, FARM_ALLOW_INSECURE_REDIS=1 does without"
            )
            raise PydanticCustomError("password", message)
        return url

    @field_validator("artifacts_bucket")
    @classmethod
    def _check_one_place(cls, bucket: str | None, info: ValidationInfo) -> str | None:
        if bucket and info.data.get("artifacts_redis_url"):
            message = "FARM_ARTIFACTS_REDIS_URL is set too; artifacts lie in one place"
            raise PydanticCustomError("place", message)
        return bucket

    @field_validator("artifacts_secret_key")
    @classmethod
    def _check_pair(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (secret is None) != (info.data.get("artifacts_access_key") is None):
            message = "goes with FARM_ARTIFACTS_ACCESS_KEY; give both of them or none"
            raise PydanticCustomError("pair", message)
        return secret

    @property
    def artifacts(self) -> str | Bucket | None:
        """Where artifacts are kept: a Redis by its URL, a bucket; ``None``: beside records."""
        if self.artifacts_bucket is None:
            return self.artifacts_redis_url
        name, _, prefix = self.artifacts_bucket.removeprefix("s3://").partition("/")
        secret = self.artifacts_secret_key
        return Bucket(
            name=name,
            prefix=prefix.rstrip("/"),
            endpoint=self.artifacts_endpoint,
            region=self.artifacts_region,
            access_key=self.artifacts_access_key,
            secret_key=None if secret is None else secret.get_secret_value(),
        )

    @property
    def servers(self) -> list[str]:
        """Every server that keeps something for the farm, as ``host:port``."""
        addresses = (
            self.redis_url,
            self.broker_url,
            self.artifacts_redis_url,
            self.artifacts_endpoint,
        )
        return [place for address in addresses if address for place in places(address)]


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
