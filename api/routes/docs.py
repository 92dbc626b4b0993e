"""What people read: the error codes, and the files of the API's own page."""

import inspect
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from apiflask import APIBlueprint
from flask import Response, render_template, send_from_directory

from api.problems import STATUSES, title_of
from farm.jobs.errors import BackendUnavailable, FarmError, JobError, RequestError, leaves

ASSETS = "/docs/assets"
"""Where the Swagger UI's files are served; nothing is loaded from elsewhere."""


def blueprint() -> APIBlueprint:
    """Return the addresses of the documentation."""
    docs = APIBlueprint("docs", __name__, enable_openapi=False)
    package = find_spec("flask_openapi_swagger")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("flask_openapi_swagger")
    assets = Path(package.submodule_search_locations[0]) / "templates" / "swagger"

    @docs.get(f"{ASSETS}/<path:name>")
    def asset(name: str) -> Response:
        return send_from_directory(assets, name, max_age=3600)

    @docs.get("/docs/errors")
    def errors() -> str:
        return render_template("errors.html", rows=list(_rows()))

    return docs


def explained(error: type[FarmError]) -> tuple[str, str]:
    """Return the cause of ``error`` and what to do about it, from its docstring."""
    cause, _, rest = inspect.cleandoc(error.__doc__ or "").partition("\n\n")
    advice = rest.partition("\n\n")[0]
    return " ".join(cause.split()), " ".join(advice.split())


def _rows() -> Iterator[dict[str, str | bool]]:
    for root in (RequestError, BackendUnavailable, JobError):
        for error in sorted(leaves(root), key=lambda each: each.code):
            status = STATUSES.get(error)
            cause, advice = explained(error)
            yield {
                "code": error.code,
                "title": title_of(error),
                "cause": cause,
                "advice": advice,
                "status": str(status.value) if status else "",
                "retryable": error.retryable,
            }
