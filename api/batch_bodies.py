"""Batches as they are sent: as JSON, or line by line as NDJSON, CSV or plain URLs."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, ValidationError

from api.bodies import JSON_MAX_BYTES, StrictRequest, capped, chunks, decode_json
from api.cells import fields, is_secret
from api.lines import Line, lines
from api.tables import rows
from farm.jobs.batches.intake import Item
from farm.jobs.batches.models import BatchOptions
from farm.jobs.batches.service import BatchRequest
from farm.jobs.errors import FieldError, InvalidJson, InvalidSpec, UnsupportedMediaType
from farm.jobs.specs.requests import errors_of

SOURCES = frozenset({"url", "html", "upload_id"})
"""What makes a job this one and no other, and so is no default."""


class BatchBody(BatchOptions):
    """The body of ``POST /v1/batches`` as JSON."""

    defaults: Annotated[
        dict[str, Any],
        Field(
            default_factory=dict,
            description="Fields of all specs that say nothing else.",
            examples=[{"kind": "screenshot", "full_page": True}],
        ),
    ]
    items: Annotated[
        list[str | dict[str, Any]],
        Field(
            description="URLs, or specs; their fields go before the defaults.",
            examples=[["https://example.com/", {"url": "https://example.com/a", "tags": ["a"]}]],
        ),
    ]


def batch_request(request: StrictRequest, max_bytes: int) -> BatchRequest:
    """Return what ``request`` asks for; its lines are read while they are asked for.

    Raises:
        UnsupportedMediaType: The body is none of what may be sent.
        InvalidSpec: It has options that a batch has not.
        InvalidJson: It is JSON, and broken.
        PayloadTooLarge: It is known to be larger than ``max_bytes``; iterating raises
            the same when that shows later.
    """
    reader = _READERS.get(request.mimetype)
    if reader is None and request.mimetype != "application/json":
        raise UnsupportedMediaType(f"The body must be one of: application/json, {_LINE_TYPES}.")
    is_json = reader is None
    limit = JSON_MAX_BYTES if is_json else max_bytes
    request.max_content_length = limit
    digest = hashlib.sha256(b"%b?%b\n" % (request.mimetype.encode(), request.query_string))
    body = _hashed(capped(chunks(request), limit), digest.update)
    asked = fields(request.args.items(multi=True))
    _refuse_secrets(_paths(asked))
    if reader is None:
        if asked:
            raise InvalidSpec([_no_query(next(iter(asked)))])
        options, defaults, items = _of_json(decode_json(b"".join(body)))
    else:
        options = _options(_taken(asked, BatchOptions.model_fields))
        defaults, items = asked, reader(lines(body))
    _refuse_sources(defaults)
    return BatchRequest(options, defaults, items, digest.hexdigest)


def form_request(
    asked: dict[str, Any], filename: str, body: Iterator[bytes], max_bytes: int
) -> BatchRequest:
    """Return what a form asks for: fields of the batch and of all specs, and a list.

    ``filename`` says how the list is written: as NDJSON, as CSV, else an address a line;
    one without a scheme is taken for one of HTTPS, as people type it.

    Raises:
        InvalidSpec: It has options that a batch has not.
        PayloadTooLarge: Raised by iterating: the list is larger than ``max_bytes``.
    """
    digest = hashlib.sha256()
    reader = _READERS[_LIST_TYPES.get(filename.lower().rpartition(".")[2], "text/plain")]
    options = _options(_taken(asked, BatchOptions.model_fields))
    _refuse_sources(asked)
    items = reader(lines(_hashed(capped(body, max_bytes), digest.update)))
    return BatchRequest(options, asked, map(_with_scheme, items), digest.hexdigest)


def _of_json(body: Any) -> tuple[BatchOptions, dict[str, Any], Iterator[Item]]:  # noqa: ANN401 - any JSON value
    if not isinstance(body, dict):
        raise InvalidSpec([FieldError(field="", message="the body must be a JSON object")])
    items, defaults = body.pop("items", None), body.pop("defaults", {})
    wrong = [
        FieldError(field=field, message=message)
        for field, message, is_right in (
            ("items", "must be a list of URLs or specs", isinstance(items, list)),
            ("defaults", "must be an object", isinstance(defaults, dict)),
        )
        if not is_right
    ]
    if wrong:
        raise InvalidSpec(wrong)
    return _options(body), defaults, (Item(i, each) for i, each in enumerate(items, 1))


def _options(given: Mapping[str, Any]) -> BatchOptions:
    try:
        return BatchOptions.model_validate(given)
    except ValidationError as error:
        raise InvalidSpec(errors_of(BatchOptions, error)) from None


def _plain(source: Iterable[Line]) -> Iterator[Item]:
    for line in _some(source):
        yield _failed(line) or Item(line.number, line.text.strip())


def _json_lines(source: Iterable[Line]) -> Iterator[Item]:
    for line in _some(source):
        yield _failed(line) or _json_line(line)


def _json_line(line: Line) -> Item:
    try:
        return Item(line.number, decode_json(line.text.encode()))
    except InvalidJson as error:
        return Item(line.number, error=FieldError(field="", message=error.message))


def _with_scheme(item: Item) -> Item:
    is_bare = isinstance(item.value, str) and "://" not in item.value
    return replace(item, value=f"https://{item.value}") if is_bare else item


def _some(source: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines that are neither blank nor a comment."""
    for line in source:
        if line.error or (line.text.strip() and not line.text.lstrip().startswith("#")):
            yield line


def _failed(line: Line) -> Item | None:
    return Item(line.number, error=FieldError(field="", message=line.error)) if line.error else None


def _taken(found: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Take the fields of these ``names`` out of ``found``."""
    return {name: found.pop(name) for name in names if name in found}


def _refuse_sources(defaults: Mapping[str, Any]) -> None:
    wrong = sorted(SOURCES & defaults.keys())
    if wrong:
        message = "is what a line says, and no default"
        raise InvalidSpec([FieldError(field=f"defaults.{name}", message=message) for name in wrong])


def _paths(found: Mapping[str, Any], outer: str = "") -> Iterator[str]:
    """Yield the names of all fields that have no others within."""
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{outer}{name}.")
        else:
            yield f"{outer}{name}"


def _refuse_secrets(names: Iterable[str]) -> None:
    """Refuse what would stand in every log on the way."""
    wrong = sorted(filter(is_secret, names))
    if wrong:
        message = "is a secret: it stands in the body, not in the address"
        raise InvalidSpec([FieldError(field=name, message=message) for name in wrong])


def _no_query(name: str) -> FieldError:
    return FieldError(field=name, message="with a JSON body this stands in the body")


def _hashed(body: Iterator[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for chunk in body:
        update(chunk)
        yield chunk


_READERS: Mapping[str, Callable[[Iterable[Line]], Iterator[Item]]] = {
    "application/x-ndjson": _json_lines,
    "text/csv": rows,
    "text/plain": _plain,
}
_LIST_TYPES = {
    "ndjson": "application/x-ndjson",
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
}
_LINE_TYPES = ", ".join(_READERS)
