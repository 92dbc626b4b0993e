"""What the API process takes from its environment."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from farm.backends.settings import Settings
from farm.jobs.service import Limits

_IN_FOLDER_MAX_BYTES = 4 * 1024**3


class ApiSettings(Settings):
    """Settings of the API."""

    upload_max_bytes: Annotated[
        int,
        Field(
            ge=1,
            le=2**40,
            description="Largest upload. With FARM_UPLOADS_DIR the default is "
            f"{_IN_FOLDER_MAX_BYTES} instead.",
        ),
    ] = 100 * 1024 * 1024
    backlog_max: Annotated[
        int,
        Field(
            ge=1,
            le=10_000_000,
            description="Jobs that may wait on one queue; further ones are refused with 429. "
            "Each takes some 2 KB of Redis's memory.",
        ),
    ] = Limits.backlog_max
    open_jobs_max: Annotated[
        int | None,
        Field(
            ge=1,
            description="Jobs of one caller that may wait or run; further ones are refused "
            "with 429. Without it the backlog is the only limit.",
        ),
    ] = Limits.owner_max
    batch_items_max: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="Lines that one batch may have, good and bad ones. More jobs than "
            "FARM_BACKLOG_MAX never wait on one queue.",
        ),
    ] = Limits.batch_items_max
    batch_max_bytes: Annotated[
        int,
        Field(
            ge=1,
            le=2**40,
            description="Largest body of a batch that comes line by line; one in JSON may have "
            "8 MiB.",
        ),
    ] = 100 * 1024 * 1024
    waiters_max: Annotated[
        int,
        Field(
            ge=0,
            le=1000,
            description="Requests of one process that may wait for a job or follow it at once, "
            "each on a thread; above it they are answered at once.",
        ),
    ] = 48

    requests_per_minute: Annotated[
        int | None,
        Field(
            ge=1,
            le=1_000_000,
            description="Requests of one key in a minute, or of one address where callers have no "
            "key; further ones are refused with 429. Without it there is no limit.",
        ),
    ] = None
    metrics_host: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z0-9.-]+(:[0-9]{1,5})?$",
            description="Host, perhaps with a port, by which Prometheus may ask for `/metrics` "
            "where there are no keys, besides 127.0.0.1 and localhost.",
        ),
    ] = None
    flower_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^\s?#]+$",
            description="Where people reach Flower, as http://127.0.0.1:5555: the dashboard links "
            "to it. Without it there are no such links.",
        ),
    ] = None
    secret: Annotated[
        SecretStr | None,
        Field(
            min_length=32,
            description="What links to artifacts and sessions are signed with, at least 32 "
            "characters. Without it the farm makes one and keeps it in Redis; a new one ends all "
            "of them.",
        ),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _let_a_folder_take_more(cls, given: dict[str, Any]) -> dict[str, Any]:
        more = {"upload_max_bytes": _IN_FOLDER_MAX_BYTES} if given.get("uploads_dir") else {}
        return more | given

    @field_validator("uploads_dir")
    @classmethod
    def _check_writable(cls, path: Path | None) -> Path | None:
        if path:
            try:  # To ask for permissions would not do: root has them all.
                tempfile.TemporaryFile(dir=path).close()
            except OSError:
                message = "must be a folder that the API may write to"
                raise PydanticCustomError("writable", message) from None
        return path
