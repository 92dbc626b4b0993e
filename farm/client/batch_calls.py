"""The requests about batches, as data."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from farm.client.calls import PAGE_MAX, Call, keyed, listing

OWN_FIELDS = frozenset(
    {"dedupe", "per_host_concurrency", "per_host_delay", "max_failures", "on_complete"}
)
"""Fields of a batch itself; all others are its jobs'."""


def new_batch(
    items: Iterable[str | Mapping[str, object]],
    fields: Mapping[str, object],
    idempotency_key: str | None,
) -> Call:
    """Return the call that hands in ``items``; ``fields`` are the batch's and its jobs'."""
    own = {name: value for name, value in fields.items() if name in OWN_FIELDS}
    defaults = {name: value for name, value in fields.items() if name not in OWN_FIELDS}
    body = {**own, "defaults": defaults, "items": list(items)}
    return Call("POST", "/v1/batches", json=body, headers=keyed(idempotency_key))


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


def _path(batch_id: str) -> str:
    return f"/v1/batches/{quote(batch_id, safe='')}"
