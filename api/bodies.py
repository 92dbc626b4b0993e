"""Reading what callers send, strictly: nothing here may end in a 500."""

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, NoReturn

from flask import Request
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from farm.jobs.errors import (
    FieldError,
    InvalidJson,
    InvalidSpec,
    PayloadTooLarge,
    UnreadableRequest,
    UnsupportedMediaType,
)

JSON_MAX_BYTES = 8 * 1024 * 1024
"""Room for the largest page that a spec may hold, in most spellings that JSON has for it."""
_NESTING_MAX = 16
# A string without an end is taken to the end: to look for one from each quote would take for ever.
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_INTEGER_MAX_DIGITS = 100
_CHUNK_BYTES = 256 * 1024
_FILENAME_MAX_CHARACTERS = 255
FORM_MAX_BYTES = 64 * 1024
"""What a multipart body may hold around its file."""
_FORM_BUFFER_MAX_BYTES = 2 * _CHUNK_BYTES
"""Nothing of a form is held but one chunk and what cannot be told apart from a boundary yet."""
_ANY_TYPE = "application/octet-stream"


class StrictRequest(Request):
    """A request whose JSON is one RFC 8259 document that every parser reads alike."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: ANN401, ARG002, FBT001, FBT002 - Flask's signature
        """Return the decoded body.

        Raises:
            UnsupportedMediaType: The body is not declared to be JSON.
            InvalidSpec: It is ``null``.
            InvalidJson: It is no JSON, nests too deep, names a field twice, or has
                a number that JSON does not have.
        """
        if self.mimetype != "application/json":
            raise UnsupportedMediaType("The body must have the Content-Type application/json.")
        self.max_content_length = JSON_MAX_BYTES
        value = decode_json(self.get_data(cache=False))
        if value is None:  # APIFlask would take it for an empty object.
            raise InvalidSpec([FieldError(field="", message="the body must be a JSON object")])
        return value


def optional_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that is the body, an empty one where there is none.

    Raises:
        InvalidSpec: It is another JSON value.
    """
    request.max_content_length = JSON_MAX_BYTES
    value = request.get_json() if request.get_data() else {}
    if not isinstance(value, dict):
        raise InvalidSpec([FieldError(field="", message="the body must be a JSON object")])
    return value


def decode_json(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of the JSON document ``body``; see ``StrictRequest.get_json``."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidJson("The body is not UTF-8.") from None
    _check_nesting(text)
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            parse_int=_short_integer,
        )
    except ValueError as error:
        raise InvalidJson(f"The body is not JSON that we accept: {error}.") from None


def _check_nesting(text: str) -> None:
    # Before parsing: the parser recurses, and deep nesting would exhaust its stack.
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        match found[0]:
            case "[" | "{":
                depth += 1
                if depth > _NESTING_MAX:
                    raise InvalidJson(f"The body nests deeper than {_NESTING_MAX} levels.")
            case "]" | "}":
                depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _short_integer(text: str) -> int:
    if len(text) > _INTEGER_MAX_DIGITS:
        raise ValueError("a number is too large")
    return int(text)


def upload_chunks(request: Request, max_bytes: int) -> tuple[str | None, str, Iterator[bytes]]:
    """Return file name, media type and bytes of the file in ``request``.

    The file is the raw body (name from ``?filename=``) or the multipart field
    ``file``. It comes as it arrives and is held nowhere.

    Raises:
        InvalidSpec: A multipart body has no field ``file``.
        PayloadTooLarge: It is known to be larger than ``max_bytes``; iterating raises
            the same when that shows later.
        UnreadableRequest: Raised by iterating, too, where the body breaks off.
    """
    # Counted below, where the end of a body without a length shows.
    request.max_content_length = max_bytes + FORM_MAX_BYTES
    if request.mimetype == "multipart/form-data":
        events = _form_events(request)
        file = _file_of(events)
        media_type, _ = parse_options_header(file.headers.get("Content-Type"))
        filename = file.filename[:_FILENAME_MAX_CHARACTERS] or None
        content = capped(_bytes_of_file(events), max_bytes)
        return filename, media_type.lower() or _ANY_TYPE, content
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    media_type = request.mimetype or _ANY_TYPE
    return request.args.get("filename"), media_type, capped(chunks(request), max_bytes)


@dataclass(frozen=True)
class FormFile:
    """A file that came with a form."""

    name: str
    media_type: str
    chunks: Iterator[bytes]
    """Come as they arrive and are held nowhere."""


@dataclass(frozen=True)
class Form:
    """A form as a browser sends it."""

    fields: list[tuple[str, str]]
    """In their order, up to the file."""
    file: FormFile | None
    """``None``: nobody chose any."""


def sent_form(
    request: Request, file_max_bytes: int, fields_max_bytes: int = FORM_MAX_BYTES
) -> Form:
    """Return the form that is the body of ``request``.

    Raises:
        PayloadTooLarge: The fields or the file are larger than they may be; reading the
            file raises the same.
        UnreadableRequest: It is no form; also raised by reading the file.
    """
    if request.mimetype != "multipart/form-data":
        request.max_content_length = fields_max_bytes
        return Form(list(request.form.items(multi=True)), None)
    request.max_content_length = file_max_bytes + fields_max_bytes
    events, fields = _form_events(request), list[tuple[str, str]]()
    try:
        file = _file_behind(events, fields, fields_max_bytes)
    except ValueError as error:
        raise UnreadableRequest(f"This is no form: {error}.") from error
    if file is None:
        return Form(fields, None)
    media_type = file.headers.get("Content-Type", _ANY_TYPE)
    chunks = capped(_bytes_of_file(events), file_max_bytes)
    return Form(fields, FormFile(file.filename[:_FILENAME_MAX_CHARACTERS], media_type, chunks))


def _file_behind(
    events: Iterator[Event], fields: list[tuple[str, str]], max_bytes: int
) -> File | None:
    """Go to the first file that somebody chose, and put the fields before it into ``fields``."""
    name, held, size_bytes = None, bytearray(), 0
    for event in events:
        if isinstance(event, File) and event.filename:
            return event
        if isinstance(event, Data):
            size_bytes += len(event.data)
            if size_bytes > max_bytes:
                raise _too_large(max_bytes)
            held += event.data
            if not event.more_data and name is not None:
                fields.append((name, held.decode(errors="replace")))
        else:
            name, held = event.name if isinstance(event, Field) else None, bytearray()
    return None


def _form_events(request: Request) -> Iterator[Event]:
    """Yield what the form consists of, as it arrives.

    Raises:
        ValueError: It is no form, or not all of one.
    """
    boundary = request.mimetype_params.get("boundary", "").encode("ascii")
    if not boundary:
        raise ValueError("a form needs its boundary")
    decoder = MultipartDecoder(boundary, _FORM_BUFFER_MAX_BYTES, max_parts=request.max_form_parts)
    for chunk in chain(chunks(request), [None]):
        decoder.receive_data(chunk)
        while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
            yield event


def _file_of(events: Iterator[Event]) -> File:
    """Go to the first file in the field ``file``."""
    with suppress(ValueError):
        for event in events:
            if isinstance(event, File) and event.name == "file":
                return event
    raise InvalidSpec([FieldError(field="file", message="the multipart field is missing")])


def _bytes_of_file(events: Iterator[Event]) -> Iterator[bytes]:
    """Yield the bytes of the file that ``events`` has come to; the form must then go to its end."""
    is_file = True
    try:
        for event in events:
            if isinstance(event, Data) and is_file:
                yield event.data
                is_file = event.more_data
    except ValueError as error:
        raise UnreadableRequest(f"The form breaks off: {error}.") from error


def chunks(request: Request) -> Iterator[bytes]:
    """Yield the body piece by piece.

    Raises:
        UnreadableRequest: It is shorter than was said.
    """
    size_bytes = 0
    while chunk := request.stream.read(_CHUNK_BYTES):
        size_bytes += len(chunk)
        yield chunk
    # Where the server ends the body itself, Werkzeug takes a broken connection for the end.
    if size_bytes < (request.content_length or 0):
        raise UnreadableRequest("The body is shorter than its Content-Length.")


def capped(body: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """Yield the pieces of ``body``.

    Raises:
        PayloadTooLarge: There is more than ``max_bytes`` of it.
    """
    size_bytes = 0
    for chunk in body:
        size_bytes += len(chunk)
        if size_bytes > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {max_bytes} bytes.")
