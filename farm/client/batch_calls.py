"""The requests about batches, as data."""

import json
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

from farm.client.calls import PAGE_MAX, Call, keyed, listing
from farm.client.errors import Misconfigured

OWN_FIELDS = frozenset(
    {"dedupe", "per_host_concurrency", "per_host_delay", "max_failures", "on_complete"}
)
"""Fields of a batch itself; all others are its jobs'."""

_JSON_MAX_BYTES = 8 * 1024 * 1024
"""A farm reads one JSON document whole, and takes none that is larger."""


def new_batch(
    items: Iterable[str | Mapping[str, object]],
    fields: Mapping[str, object],
    idempotency_key: str | None = None,
    *,
    waits_for_room: bool = True,
) -> Call:
    """Return the call that hands in ``items``; ``fields`` are the batch's and its jobs'.

    Raises:
        Misconfigured: There is a ``webhook_secret``, and too much beside it for one document.
    """
    own = {name: value for name, value in fields.items() if name in OWN_FIELDS}
    defaults = {name: value for name, value in fields.items() if name not in OWN_FIELDS}
    found = list(items)
    body = json.dumps({**own, "defaults": defaults, "items": found}).encode()
    headers = {**keyed(idempotency_key), "Content-Type": "application/json"}
    params: dict[str, str | int] = {}
    if len(body) > _JSON_MAX_BYTES:
        # Line by line a body may be larger; the batch's own fields stand in the query then.
        hook = own.get("on_complete")
        if isinstance(hook, Mapping) and "webhook_secret" in hook:
            raise Misconfigured(
                "A batch of more than 8 MiB takes no webhook_secret: it would stand in the address."
            )
        body = b"".join(_lines(found, defaults))
        headers["Content-Type"] = "application/x-ndjson"
        params = {name: json.dumps(value) for name, value in own.items()}
    headers["Content-Length"] = str(len(body))
    return Call(
        "POST",
        "/v1/batches",
        params=params,
        headers=headers,
        body=lambda: iter([body]),
        waits_for_room=waits_for_room,
    )


def _lines(
    items: Iterable[str | Mapping[str, object]], defaults: Mapping[str, object]
) -> Iterator[bytes]:
    for item in items:
        spec = {"url": item} if isinstance(item, str) else item
        yield json.dumps({**defaults, **spec}).encode() + b"\n"


def batch(batch_id: str) -> Call:
    """Return the question how a batch stands."""
    return Call("GET", _path(batch_id))


def batch_jobs(batch_id: str, wanted: Mapping[str, str], cursor: str | None) -> Call:
    """Return the call for one page of the batch's jobs that are as ``wanted``."""
    return listing(f"{_path(batch_id)}/jobs", wanted, PAGE_MAX, cursor)


def batch_action(batch_id: str, action: str, idempotency_key: str | None = None) -> Call:
    """Return the call for ``pause``, ``resume``, ``cancel`` or ``retry-failed``."""
    return Call("POST", f"{_path(batch_id)}/{action}", headers=keyed(idempotency_key))


def batch_results(batch_id: str, name: str) -> Call:
    """Return the call for all results in one: ``results.ndjson``, ``archive.zip``, ..."""
    return Call("GET", f"{_path(batch_id)}/{quote(name, safe='')}")


def batch_link(batch_id: str, name: str, expires_in_s: int) -> Call:
    """Return the call that makes a link to all results in one."""
    path = f"{batch_results(batch_id, name).path}/link"
    return Call("POST", path, json={"expires_in": expires_in_s})


def _path(batch_id: str) -> str:
    return f"/v1/batches/{quote(batch_id, safe='')}"
