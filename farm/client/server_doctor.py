"""What ``farm doctor --server`` finds wrong with a running farm, and what to do about it.

All of it is asked of the farm itself: nothing is looked at on this machine.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from farm.client.doctor import advice
from farm.client.errors import ClientError
from farm.client.exit_codes import ExitCode, exit_code_of
from farm.client.http import FarmClient
from farm.jobs.doctor import DoctorRow
from farm.jobs.farm_views import WorkerView

_ADVICE: Mapping[str, str] = {
    "redis": "Start Redis, or correct FARM_REDIS_URL. What was accepted lies in its file.",
    "broker": "Start what keeps Celery's queues, or correct FARM_BROKER_URL. Jobs are accepted "
    "meanwhile, and run when it is back.",
    "artifacts": "Start the Redis or the bucket's server for artifacts, or correct "
    "FARM_ARTIFACTS_REDIS_URL, FARM_ARTIFACTS_BUCKET and what goes with that.",
    "pages": "Start a worker for pages; if it ends at once, the last line of its log says why.",
    "media": "Start a worker for media; if it ends at once, the last line of its log says why.",
    "browser": "browser_unfit and no_sandbox in the logs of the workers for pages say why. Without "
    "a dispatcher nobody asks for a check.",
    "gate": "No job runs without it: gate_not_started in the logs of the workers says why. Where "
    "FARM_GATE names one, look whether that runs, and control_lost in its log.",
}
"""What to do, by the check of ``/readyz`` that fails."""

_CLOCKS_MAX_S = 5
"""By how much the clocks of two machines may differ before it shows."""
_BEAT_MAX_S = 20
"""How old the beat of a living worker may be."""
_LONG_WAIT_S = 300
_SLOT_BYTES: Mapping[str, int] = {"pages": 500_000_000, "media": 150_000_000}
"""What a slot takes: for pages a browser, its driver and a large page."""
_FULL, _NEARLY_FULL = 0.9, 0.6
_REDIS = re.compile(r'^farm_redis_(bytes|limit_bytes)\{redis="(\w+)"\} (\S+)$', re.MULTILINE)


def examine_server(client: FarmClient) -> tuple[list[DoctorRow], ExitCode]:
    """Return what was found, and what to exit with because of it.

    What cannot be asked, most often for want of a scope, is a row as well, and the exit
    code says so unless something is known to be wrong.
    """
    try:
        readiness = client.ready()
    except ClientError as error:
        return [DoctorRow("farm", ok=False, detail=f"{error}{advice(error)}")], exit_code_of(error)
    rows = [DoctorRow("farm", ok=True, detail=f"answers at {client.url}")]
    if client.key_in_clear:
        rows.append(DoctorRow("key", ok=None, detail="is sent unencrypted; use an https address"))
    rows += [_check(name, check) for name, check in readiness.checks.items()]
    unasked = ExitCode.OK
    # Without Redis there is nothing else that it could tell.
    for name, look in _LOOKS.items() if readiness.checks.get("redis") == "ok" else ():
        try:
            rows += look(client)
        except ClientError as error:
            rows.append(DoctorRow(name, ok=None, detail=f"cannot be looked at: {error}"))
            unasked = unasked or exit_code_of(error)
    is_ill = any(row.ok is False for row in rows)
    return rows, ExitCode.SOME_FAILED if is_ill else unasked


def _check(name: str, check: str) -> DoctorRow:
    if check == "ok":
        return DoctorRow(name, ok=True, detail="")
    return DoctorRow(name, ok=False, detail=f"{check.rstrip('.')}. {_ADVICE.get(name, '')}".strip())


def _workers(client: FarmClient) -> Iterator[DoctorRow]:
    now = client.clock()
    here = datetime.now(UTC)  # noqa: TID251 - what is compared is this machine's own clock
    yield from _clock("clock", "this machine's", now - here, timedelta(0))
    for worker in client.workers().items:
        memory = sum(child.memory_bytes for child in worker.children)
        detail = f"{worker.concurrency} slots for {', '.join(worker.queues)}, {_megabytes(memory)}"
        yield DoctorRow(worker.name, ok=True, detail=detail)
        late = timedelta(seconds=_BEAT_MAX_S)
        yield from _clock(f"{worker.name}: clock", "its own", now - worker.beat_at, late)
        yield from _machine(worker)


def _clock(name: str, whose: str, ahead: timedelta, at_most: timedelta) -> Iterator[DoctorRow]:
    """Yield a row if the API's clock is further ``ahead`` than it may be, or behind."""
    over_s = max(ahead - at_most, -ahead) / timedelta(seconds=1)
    if over_s > _CLOCKS_MAX_S:
        side = "ahead of" if ahead > timedelta(0) else "behind"
        detail = (
            f"the API's is {over_s:.0f} s {side} {whose}, or more; leases and waits are judged by "
            "clocks: have all machines set theirs by NTP"
        )
        yield DoctorRow(name, ok=False if at_most else None, detail=detail)


def _machine(worker: WorkerView) -> Iterator[DoctorRow]:
    is_bare = any(child.sandbox is False for child in worker.children)
    if is_bare or worker.facts.get("sandbox") not in {None, "on"}:
        detail = (
            "off: no_sandbox in its log says why. Run it as an ordinary user, and in a container "
            "with docker/chromium-seccomp.json"
        )
        yield DoctorRow(f"{worker.name}: sandbox", ok=None, detail=detail)
    has_bytes = int(worker.facts.get("memory_bytes") or 0)
    takes_bytes = worker.concurrency * max(_SLOT_BYTES.get(each, 0) for each in worker.queues)
    if 0 < has_bytes < takes_bytes:
        detail = (
            f"{_megabytes(has_bytes)} for {worker.concurrency} slots, which take some "
            f"{_megabytes(takes_bytes)}: raise its limit or lower FARM_CONCURRENCY"
        )
        yield DoctorRow(f"{worker.name}: memory", ok=None, detail=detail)
    if missing := worker.facts.get("fonts_missing"):
        detail = (
            f"none for {missing}, whose text renders as boxes: install fonts-noto-core, "
            "fonts-noto-cjk, fonts-noto-color-emoji"
        )
        yield DoctorRow(f"{worker.name}: fonts", ok=None, detail=detail)


def _pressure(client: FarmClient) -> Iterator[DoctorRow]:
    pressure = client.pressure()
    if not pressure.accepting:
        detail = f"{pressure.reason} Add workers, or raise FARM_BACKLOG_MAX."
        yield DoctorRow("backlog", ok=False, detail=detail)
    for name, queue in pressure.queues.items():
        waits_s = queue.oldest_wait_s or 0
        if waits_s > _LONG_WAIT_S:
            detail = (
                f"{queue.queued} jobs wait on {name}, one for {waits_s:.0f} s: with all slots busy "
                "add workers, else see whether a dispatcher runs"
            )
            yield DoctorRow("backlog", ok=None, detail=detail)


def _memory_of_redis(client: FarmClient) -> Iterator[DoctorRow]:
    sizes: dict[str, dict[str, float]] = {}
    for part, name, value in _REDIS.findall(client.metrics()):
        sizes.setdefault(name, {})[part] = float(value)
    # The one for artifacts is meant to be full: it drops the oldest then.
    records = sizes.get("records", {})
    used, limit = records.get("bytes", 0), records.get("limit_bytes", 0)
    if limit and used / limit > _NEARLY_FULL:
        detail = (
            f"{used / limit:.0%} of what Redis may hold: raise maxmemory, or have jobs kept for a "
            "shorter time. When it is full, jobs are refused"
        )
        yield DoctorRow("redis: memory", ok=False if used / limit > _FULL else None, detail=detail)


def _megabytes(size_bytes: float) -> str:
    return f"{size_bytes / 1_000_000:,.0f} MB"


_LOOKS: Mapping[str, Callable[[FarmClient], Iterable[DoctorRow]]] = {
    "workers": _workers,
    "backlog": _pressure,
    "metrics": _memory_of_redis,
}
