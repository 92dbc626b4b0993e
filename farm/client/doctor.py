"""What ``farm doctor`` looks at: the farm itself, then what other installed parts offer."""

from collections.abc import Callable, Iterable, Iterator
from importlib import metadata

from farm.client.errors import ApiError, ClientError
from farm.client.exit_codes import ExitCode, exit_code_of
from farm.client.http import FarmClient
from farm.jobs.doctor import DoctorRow

GROUP = "renderfarm.doctor"
"""Entry points of this group are callables that return rows."""


def examine(client: FarmClient) -> tuple[list[DoctorRow], ExitCode]:
    """Return what was found, the farm first, and what to exit with because of it.

    A farm that is away where all else is well has its own exit code.
    """
    on_this_machine = [row for point in metadata.entry_points(group=GROUP) for row in _ask(point)]
    failed = any(row.ok is False for row in on_this_machine)
    try:
        of_the_farm = list(_farm_rows(client))
        failed = failed or any(row.ok is False for row in of_the_farm)
        code = ExitCode.OK
    except ClientError as error:
        of_the_farm = [DoctorRow("farm", ok=False, detail=f"{error}{advice(error)}")]
        code = exit_code_of(error)
    return of_the_farm + on_this_machine, ExitCode.SOME_FAILED if failed else code


def _farm_rows(client: FarmClient) -> Iterator[DoctorRow]:
    readiness = client.ready()
    yield DoctorRow("farm", ok=True, detail=f"answers at {client.url}")
    if client.key_in_clear:
        yield DoctorRow("key", ok=None, detail="is sent unencrypted; use an https address")
    for name, check in readiness.checks.items():
        ok = check == "ok"
        yield DoctorRow(f"farm: {name}", ok=ok, detail="" if ok else check)


def advice(error: ClientError) -> str:
    """Return what to do about a farm that does not answer, as a further sentence."""
    if isinstance(error, ApiError):
        return ""  # It is there, and says itself what is wrong.
    return " Is it running? Name its address with --url or FARM_URL."


def _ask(point: metadata.EntryPoint) -> Iterable[DoctorRow]:
    try:
        checks: Callable[[], Iterable[DoctorRow]] = point.load()
    except ModuleNotFoundError:
        return []  # That part of the farm is not on this machine.
    try:
        return list(checks())
    except Exception as error:  # noqa: BLE001 — somebody else's code, and the others go on
        return [DoctorRow(point.name, ok=False, detail=f"its own checks failed: {error!r}")]
