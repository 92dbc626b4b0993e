"""What the API's description says beyond the models: problems, files, query strings."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.auth import LINKED, SCOPES
from api.batch_bodies import BatchBody
from api.problems import Problem
from farm.jobs.batches.models import BatchOptions, OnComplete
from farm.jobs.idempotency import HEADER, KEY_MAX_CHARACTERS, KEY_PATTERN
from farm.jobs.listing import PAGE_MAX, JobFilter
from farm.jobs.specs.base import Tags
from farm.jobs.specs.requests import SPECS
from farm.jobs.specs.secrets import SECRET_FIELDS

WAIT_MAX_S = 30
"""Longest ``?wait=``; proxies in between commonly cut at 60 s."""
PREFER_WAIT_MAX_S = 60
"""Longest ``Prefer: wait=``."""

REPLAYED = "Idempotency-Replayed"
"""Header of an answer that is not the first one's."""

_KEY = "key"
_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
"""How any view that takes a key may refuse."""
_IDEMPOTENT = frozenset(
    {"artifacts_link", "batches_cancel", "batches_pause", "batches_resume", "batches_retry_failed"}
    | {"batches_submit", "jobs_retry", "jobs_submit", "keys_create", "uploads_leave"}
    | {"results_link", "webhooks_deliver"}
)
"""Operations that take an idempotency key."""
LINK_SUFFICES = "With `expires` and `signature` of a link no key is needed."
BYTES: Mapping[str, Any] = {"type": "string", "format": "binary"}


class WaitQuery(BaseModel):
    """How long a read may wait for the end."""

    model_config = ConfigDict(extra="forbid")

    wait: Annotated[
        float,
        Field(ge=0, le=WAIT_MAX_S, description="Seconds to wait for the end."),
    ] = 0


class PageQuery(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=PAGE_MAX, description="How many of one answer.")] = 50
    cursor: Annotated[
        str | None,
        Field(
            pattern="^[0-9]{1,15}$",
            description="`next` of the answer before; without it the newest come.",
        ),
    ] = None

    @property
    def before(self) -> int | None:
        """The number of ``cursor``; ``None``: from the newest."""
        return None if self.cursor is None else int(self.cursor)


class ListQuery(JobFilter, PageQuery):
    """Which jobs to list, and which part of them."""


class TagsBody(BaseModel):
    """The tags that a job shall have."""

    model_config = ConfigDict(extra="forbid")

    tags: Tags


class UploadQuery(BaseModel):
    """What a raw upload says of itself."""

    model_config = ConfigDict(extra="forbid")

    filename: Annotated[
        str | None, Field(max_length=255, description="Echoed back; never used as a path.")
    ] = None


class LinkQuery(BaseModel):
    """What a link says beside its place."""

    expires: Annotated[str | None, Field(description="Unix time at which it ends.")] = None
    signature: Annotated[str | None, Field(description="The farm's, of all of this.")] = None


BODY_REFUSED = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
"""What every address answers that reads JSON: broken, too large, something else, or wrong."""


def problems(*statuses: HTTPStatus) -> dict[int, Any]:
    """Return the description of these error answers."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {
        status.value: {
            "description": status.phrase,
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in sorted(statuses)
    }


def no_content(status: HTTPStatus, description: str) -> dict[int, Any]:
    """Return the description of an answer without a body."""
    return {status.value: {"description": description}}


def json_answer(status: HTTPStatus, model: type[BaseModel], description: str) -> dict[int, Any]:
    """Return the description of a further answer with a model that the view answers anyway."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {
        status.value: {
            "description": description,
            "content": {"application/json": {"schema": schema}},
        }
    }


def file_answer(*media_types: str) -> dict[int, Any]:
    """Return the description of an answer that is an artifact's bytes."""
    return {
        HTTPStatus.OK.value: {
            "description": "The bytes. The ETag is their SHA-256.",
            "content": {media_type: {"schema": dict(BYTES)} for media_type in media_types},
        }
    }


def event_answer(description: str) -> dict[int, Any]:
    """Return the description of an answer that is a stream of events."""
    return {
        HTTPStatus.OK.value: {
            "description": description,
            # Without a type: some readers take it for the stream's, some for each event's.
            "content": {"text/event-stream": {"schema": {"description": "Server-sent events."}}},
        }
    }


def complete(spec: dict[str, Any] | str) -> dict[str, Any] | str:
    """Add to ``spec``, the generated description, what no view's model brings along."""
    if isinstance(spec, str):  # Only where the app is told to write YAML.
        raise TypeError("the description is written as JSON")
    for model in (Problem, BatchBody):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        definitions = schema.pop("$defs", {})
        spec["components"]["schemas"].update({model.__name__: schema, **definitions})
    spec["components"]["securitySchemes"] = {_KEY: {"type": "http", "scheme": "bearer"}}
    _say_scopes(spec)
    _say_idempotency(spec)
    _say_secrets(spec)
    _say_batch_options(spec)
    _say_links(spec)
    # An answer without a body has no content at all.
    for operations in spec["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                if not response.get("content", True):
                    del response["content"]
    return spec


def _say_scopes(spec: dict[str, Any]) -> None:
    """Say of each operation what it takes of a key, and how it refuses."""
    scopes = {endpoint.replace(".", "_"): scope for endpoint, scope in SCOPES.items()}
    for operations in spec["paths"].values():
        for method, operation in operations.items():
            scope = scopes[operation["operationId"].removeprefix(f"{method}_")]
            if scope is None:
                continue
            said = operation.get("description", "")
            operation["description"] = f"{said} Takes the scope `{scope}`.".lstrip()
            operation["security"] = [{_KEY: []}]
            operation["responses"].update(
                (str(status), answer) for status, answer in problems(*_REFUSALS).items()
            )


def _say_idempotency(spec: dict[str, Any]) -> None:
    """Say which operations take an idempotency key, and how they tell a replay."""
    header = {
        "name": HEADER,
        "in": "header",
        "required": False,
        "description": "Of your choice. Within a day the same request with the same key does "
        "nothing more and is answered with what the first one made, as it stands then; another "
        "request with it is 422 `idempotency_conflict`.",
        "schema": {"type": "string", "maxLength": KEY_MAX_CHARACTERS, "pattern": KEY_PATTERN},
    }
    replayed = {
        REPLAYED: {
            "description": f"`true` where a request with the same `{HEADER}` had done it.",
            "schema": {"type": "string", "enum": ["true"]},
        }
    }
    for operations in spec["paths"].values():
        for method, operation in operations.items():
            if operation["operationId"].removeprefix(f"{method}_") not in _IDEMPOTENT:
                continue
            operation.setdefault("parameters", []).append(header)
            for status, response in operation["responses"].items():
                if status < str(HTTPStatus.MULTIPLE_CHOICES.value):
                    response["headers"] = replayed


def _say_secrets(spec: dict[str, Any]) -> None:
    """Say which secrets a job that is queued again may need: no view has that as its input."""
    fields = {name: {"description": "As in the spec.", "writeOnly": True} for name in SECRET_FIELDS}
    schema = {"type": "object", "properties": fields, "additionalProperties": False}
    operation = spec["paths"]["/v1/jobs/{job_id}/retry"]["post"]
    operation["requestBody"] = {
        "required": False,
        "description": "What the job was submitted with, each of it.",
        "content": {"application/json": {"schema": schema}},
    }


def _say_batch_options(spec: dict[str, Any]) -> None:
    """Say what stands in the query where a batch comes line by line."""
    options = dict(BatchOptions.model_json_schema()["properties"])
    of_hook = OnComplete.model_json_schema()["properties"]
    del options["on_complete"]  # Its secret does not stand in an address.
    options["on_complete.webhook_url"] = of_hook["webhook_url"]
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": f"{schema['description']} Of bodies line by line; JSON has it itself.",
            "schema": {said: it for said, it in schema.items() if said != "description"},
        }
        for name, schema in options.items()
    ]
    found.append(
        {
            "name": "defaults",
            "in": "query",
            "required": False,
            "style": "form",
            "explode": True,
            "description": "Fields of all specs that say nothing else, each by its own name, as in "
            "`kind=screenshot&full_page=true&viewport.width=800`: of bodies line by line. What is "
            "no text is JSON. Secrets, `url`, `html` and `upload_id` are refused.",
            "schema": {
                "type": "object",
                "properties": {"kind": {"type": "string", "enum": list(SPECS)}},
                "additionalProperties": True,
            },
            "example": {"kind": "screenshot", "full_page": True},
        }
    )
    spec["paths"]["/v1/batches"]["post"].setdefault("parameters", []).extend(found)


def _say_links(spec: dict[str, Any]) -> None:
    """Say of what a link may lead to, and whose view has no use for that, how it does."""
    linked = {f"get_{endpoint.replace('.', '_')}" for endpoint in LINKED}
    said = LinkQuery.model_json_schema()["properties"]
    for operations in spec["paths"].values():
        for operation in operations.values():
            if operation["operationId"] not in linked:
                continue
            if not any(each["name"] in said for each in operation["parameters"]):
                operation["description"] += f" {LINK_SUFFICES}"
                operation["parameters"] += [
                    {"name": name, "in": "query", "required": False, "schema": schema}
                    for name, schema in said.items()
                ]
