"""A bucket of S3, or of a server that speaks its words, as a place for artifacts."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, cast

from farm.jobs.errors import ConfigError
from farm.jobs.ports import ArtifactStore, Clock

if TYPE_CHECKING:  # The settings read this, and have no use for a connection.
    from redis import Redis


@dataclass(frozen=True)
class Bucket:
    """Where a bucket is, and who asks for it."""

    name: str
    prefix: str
    """What the name of each object begins with, without a slash at its end; may be empty."""
    endpoint: str | None
    """Address of the server; ``None``: Amazon's own."""
    region: str
    access_key: str | None
    """``None``: as the surroundings say, by AWS's own variables or the machine's role."""
    secret_key: str | None = field(repr=False)


def artifacts_in(bucket: Bucket, client: "Redis", clock: Clock) -> ArtifactStore:
    """Return the store over ``bucket``; ``client`` keeps what it knows of the objects.

    Raises:
        ConfigError: What it takes is not installed.
    """
    try:
        module = import_module("farm.backends.s3_artifacts")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "FARM_ARTIFACTS_BUCKET: takes what `pip install 'renderfarm[s3]'` brings, or EXTRAS=s3 "
            f"where the image is built; {error.name} is missing"
        ) from None
    return cast("ArtifactStore", module.S3Artifacts(bucket, client, clock))
