"""Whether anybody follows the farm's jobs, and by what."""

from importlib import import_module
from typing import cast

from farm.jobs.errors import ConfigError
from farm.jobs.tracing import NoTraces, Traces


def traces_to(endpoint: str | None, service: str) -> Traces:
    """Return traces to the collector at ``endpoint``; ``None``: nothing is even imported.

    Raises:
        ConfigError: What they take is not installed.
    """
    if endpoint is None:
        return NoTraces()
    try:
        module = import_module("farm.backends.otlp_traces")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "FARM_OTLP_ENDPOINT: traces take what `pip install 'renderfarm[otel]'` brings, or "
            f"EXTRAS=otel where the image is built; {error.name} is missing"
        ) from None
    return cast("Traces", module.otlp_traces(endpoint, service))
