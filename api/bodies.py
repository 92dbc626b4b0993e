"""Reading what callers send, strictly: nothing here may end in a 500."""

import json
import math
from collections.abc import Iterator
from typing import IO, Any, NoReturn

from flask import Request

from farm.jobs.errors import (
    FieldError,
    InvalidJson,
    InvalidSpec,
    PayloadTooLarge,
    UnsupportedMediaType,
)

JSON_MAX_BYTES = 64 * 1024
"""No spec comes near this; what is larger is a mistake or an attack."""
_NESTING_MAX = 16
_INTEGER_MAX_DIGITS = 100
_CHUNK_BYTES = 256 * 1024
_FILENAME_MAX_CHARACTERS = 255
_FORM_MAX_BYTES = 64 * 1024
"""What a multipart body may hold around its file."""
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
    in_string = escaped = False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > _NESTING_MAX:
                raise InvalidJson(f"The body nests deeper than {_NESTING_MAX} levels.")
        elif character in "]}":
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
    ``file``. A raw body is never held whole.

    Raises:
        InvalidSpec: A multipart body has no field ``file``.
        PayloadTooLarge: It is known to be larger than ``max_bytes``; iterating raises
            the same when that shows later.
    """
    # Counted below, where the end of a body without a length shows.
    request.max_content_length = max_bytes + _FORM_MAX_BYTES
    if request.mimetype == "multipart/form-data":
        file = request.files.get("file")
        if file is None:
            raise InvalidSpec([FieldError(field="file", message="the multipart field is missing")])
        media_type = file.mimetype or _ANY_TYPE
        filename = (file.filename or "")[:_FILENAME_MAX_CHARACTERS] or None
        return filename, media_type, _chunks(file.stream, max_bytes)
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    media_type = request.mimetype or _ANY_TYPE
    return request.args.get("filename"), media_type, _chunks(request.stream, max_bytes)


def _chunks(stream: IO[bytes], max_bytes: int) -> Iterator[bytes]:
    size_bytes = 0
    while chunk := stream.read(_CHUNK_BYTES):
        size_bytes += len(chunk)
        if size_bytes > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The file is larger than {max_bytes} bytes.")
