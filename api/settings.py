"""What the API process takes from its environment."""

from typing import Annotated

from pydantic import Field

from farm.backends.settings import Settings


class ApiSettings(Settings):
    """Settings of the API."""

    upload_max_bytes: Annotated[
        int, Field(ge=1, le=2**31, description="Largest upload. Uploads lie in Redis's memory.")
    ] = 100 * 1024 * 1024
    waiters_max: Annotated[
        int,
        Field(
            ge=0,
            le=1000,
            description="Requests of one process that may wait for a job at once, each on a "
            "thread; above it they are answered at once.",
        ),
    ] = 48
