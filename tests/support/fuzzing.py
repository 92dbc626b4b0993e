"""A farm that anything may be asked of: before each case it is as it was."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

from hypothesis import strategies as st
from schemathesis import Case

from farm.backends.memory import MemoryLedger
from farm.backends.memory_batches import MemoryBatches
from farm.backends.memory_keys import MemoryKeys
from farm.jobs.batches.models import Batch
from farm.jobs.batches.ports import Room
from farm.jobs.batches.views import RESULTS
from farm.jobs.errors import DnsError
from farm.jobs.key_service import KeyRequest, KeyService
from farm.jobs.keys import ALL_SCOPES, ANYBODY, ApiKey, Caller
from farm.jobs.uploads import UPLOAD_NAME
from farm.jobs.workers import BrowserCheck
from tests.support.builders import NOON, MemoryFarm, a_child, a_job, a_spec, a_worker

MADE = {"screenshot.png": "image/png", "page.html": "text/html; charset=utf-8"}


class _ImpatientLedger(MemoryLedger):
    def empty(self) -> None:
        super().__init__(self._clock)

    def wait_for_end(self, job_id: str, timeout_s: float) -> None:
        del job_id, timeout_s

    @contextmanager
    def watched(self, job_id: str) -> Iterator[None]:
        del job_id
        yield None


class _ImpatientBatches(MemoryBatches):
    def empty(self, jobs: MemoryLedger) -> None:
        super().__init__(jobs, self._clock)

    def wait_for_end(self, batch_id: str, timeout_s: float) -> None:
        del batch_id, timeout_s


class _KeptKeys(MemoryKeys):
    def keep(self) -> None:
        self._kept = dict(self._keys)

    def restore(self) -> None:
        self._keys = dict(self._kept)


class FuzzedFarm(MemoryFarm):
    """Has a job of each sort, a batch, an upload and, if ``keyed``, two keys; waits for nothing."""

    def __init__(self, *, keyed: bool) -> None:
        super().__init__(_ImpatientLedger, _ImpatientBatches, _KeptKeys)
        self._jobs = cast("_ImpatientLedger", self.ledger)
        self._batches = cast("_ImpatientBatches", self.batches)
        self._ring = cast("_KeptKeys", self.keys)
        self.headers: Mapping[str, str] = {}
        """What a caller says to be let in."""
        self._caller = ANYBODY
        if keyed:
            self._other, _ = self._make_key()
            operator, text = self._make_key()
            self.headers = {"Authorization": f"Bearer {text}"}
            self._caller = Caller.of(operator)
        self._ring.keep()
        for queue in ("pages", "media"):
            self.workers.beat(a_worker(f"{queue}@host", queue), ttl_s=60)
        self.workers.child_beat(a_worker().id, a_child(), ttl_s=60)
        opened = BrowserCheck(at=NOON, worker="pages@host", version="1", sandbox=True)
        self.workers.browser_opened(opened)
        self.known = self._sow()

    def restore(self) -> None:
        """Undo whatever was done."""
        self._ring.restore()
        self._jobs.empty()
        self._batches.empty(self._jobs)
        self.queue.waiting.clear()
        self._sow()

    def _make_key(self) -> tuple[ApiKey, str]:
        wanted = KeyRequest(name="a key", scopes=tuple(ALL_SCOPES))
        key, text = KeyService(self.keys, self.clock).create(wanted)
        return key, str(text)

    def _sow(self) -> Mapping[str, tuple[str, ...]]:
        """Return what there is then, by the parameter that names it."""
        states = ("queued", "running", "done", "failed", "cancelled", "expired")
        owner = {"owner": self._caller.owner}
        spec = a_spec(webhook_url="http://hooks.test/")
        queued = {state: a_job(state, spec=spec).model_copy(update=owner) for state in states}
        running = queued["running"].claimed("worker-1", NOON, redeliveries=0)
        claimed = queued["done"].claimed("worker-1", NOON, redeliveries=0)
        made = [
            self.artifacts.put(claimed.run_id, name, media_type, [b"made"], ttl_s=60)
            for name, media_type in MADE.items()
        ]
        for job in (
            *queued.values(),
            running,
            claimed,
            claimed.succeeded(NOON, artifacts=made, report={}),
            queued["failed"].failed(DnsError("No such host."), NOON),
            queued["cancelled"].cancelled(NOON),
            queued["expired"].cancelled(NOON - timedelta(days=9)),
        ):
            assert self.ledger.swap(job)
        self._sow_batch()
        upload_id = self._caller.owner + "f" * 32
        self.artifacts.put(upload_id, UPLOAD_NAME, "video/mp4", [b"left"], ttl_s=60)
        return {
            "job_id": (*states, *["done"] * 4, "failed"),  # Of which most is to be had.
            "name": (*MADE, *RESULTS),
            "upload_id": (upload_id,),
            "batch_id": ("batch",),
            "key_id": tuple(key.id for key in self.keys.all()),
        }

    def _sow_batch(self) -> None:
        owner = {"owner": self._caller.owner, "batch_id": "batch"}
        for job_id in ("first", "second"):
            assert self.ledger.swap(a_job(job_id).model_copy(update=owner))
        running = self.ledger.get("first").claimed("worker-1", NOON, redeliveries=0)
        assert self.ledger.swap(running)
        assert self.ledger.swap(running.failed(DnsError("No such host."), NOON))
        batch = Batch(id="batch", created_at=NOON, owner=self._caller.owner, draft_id="draft")
        self._batches.append("draft", [])
        room = Room(chunks=1, jobs={}, backlog_max=10, owner_max=None)
        assert self._batches.commit(batch, room) is None
        assert self._batches.file("batch")


def simplified(description: bytes) -> dict[str, Any]:
    """Return the API's description without the one rule that no case can be made up for."""
    found: dict[str, Any] = json.loads(description)
    # What excludes what: the generator gives up on so many conditions. The farm does not.
    del found["components"]["schemas"]["JobRequest.ScreenshotSpec"]["allOf"]
    return found


def make_sense(case: Case[Any], known: Mapping[str, tuple[str, ...]], data: st.DataObject) -> None:
    """Have ``case`` be about something that there is, in about half of the cases."""
    is_known: bool = data.draw(st.booleans())
    if is_known:
        for name in case.path_parameters:
            case.path_parameters[name] = data.draw(st.sampled_from(known[name] or ("none",)))
    if is_known and isinstance(case.body, dict) and "items" in case.body:
        case.body |= {"items": ["http://page.test/"], "defaults": {"kind": "screenshot"}}
        case.query = {}  # With a body of JSON it says nothing.
    if is_known and case.operation.path.endswith("/retry"):
        case.body = {}  # No job there has secrets that could come along.
    if is_known and isinstance(case.body, dict) and "kind" in case.body:
        case.body.pop("html", None)
        case.body.pop("upload_id", None)
        case.body["url"] = "http://page.test/"
