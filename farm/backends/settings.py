"""What each process that reaches Redis takes from its environment."""

from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from farm.backends.addresses import RedisUrl, is_open_to_others, places
from farm.backends.buckets import Bucket
from farm.backends.environment import Environment


def _existing_folder(path: Path) -> Path:
    if not path.is_dir():
        raise PydanticCustomError("folder", "must be the path of a folder that is there")
    return path


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
