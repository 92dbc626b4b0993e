"""What the command line prints: bytes and JSON on stdout for programs, sentences for people.

Much of it was written by strangers (a page's server, a media file), so whatever
goes to a terminal as text goes through ``plain`` first.
"""

import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from farm.client.calls import Progress
from farm.client.errors import ApiError, ClientError, JobNotSucceeded
from farm.client.saving import replacing
from farm.jobs.doctor import DoctorRow
from farm.jobs.views import JobView

STDOUT = "-"
"""As an output path: standard output."""

_VERDICTS = {True: ("ok", "green"), False: ("missing", "red"), None: ("warning", "yellow")}


def plain(text: str) -> str:
    """Return ``text`` on one line, with all that a terminal would obey written out."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def speak_utf8() -> None:
    """Make stdout and stderr UTF-8 wherever they lead; on Windows a pipe is not."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def write_bytes(output: str, content: bytes) -> None:
    """Write ``content`` to the file ``output``, whole or not at all, or to stdout."""
    if output == STDOUT:
        click.echo(content, nl=False)
        return
    with replacing(Path(output)) as file:
        file.write(content)


def print_json(job: JobView) -> None:
    """Print the job on stdout as the API has it."""
    click.echo(job.model_dump_json(indent=2))


def print_job(job: JobView) -> None:
    """Print the job on stdout for people."""
    rows = list(_job_rows(job))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {plain(value)}")


def print_rows(rows: Iterable[DoctorRow]) -> None:
    """Print the findings of ``farm doctor`` on stdout, in columns."""
    found = list(rows)
    width = max((len(plain(row.name)) for row in found), default=0)
    for row in found:
        verdict, colour = _VERDICTS[row.ok]
        mark = click.style(verdict, fg=colour) + " " * (7 - len(verdict))
        click.echo(f"{plain(row.name):<{width}}  {mark}  {plain(row.detail)}".rstrip())


def print_error(error: ClientError | OSError) -> None:
    """Print what went wrong on stderr: one sentence, then each field at fault."""
    prefix = "" if isinstance(error, JobNotSucceeded) else "Error: "
    click.echo(f"{prefix}{plain(str(error))}", err=True)
    if isinstance(error, ApiError):
        for found in error.errors:
            line = f"{found.field}: {found.message}" if found.field else found.message
            if line != str(error):
                click.echo(f"  {plain(line)}", err=True)


@contextmanager
def upload_progress(name: str) -> Iterator[Progress | None]:
    """Show a bar on stderr while the block uploads; ``None`` if nobody is watching."""
    if not sys.stderr.isatty():
        yield None
        return
    # Slow to import, and seldom needed.
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Display  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Display(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task(escape(plain(name)), total=None)
        yield lambda sent_bytes, total_bytes: display.update(
            task, completed=sent_bytes, total=total_bytes
        )


def _job_rows(job: JobView) -> Iterator[tuple[str, str]]:
    # As JSON, where times are already written as a caller knows them.
    shown = job.model_dump(mode="json")
    for name in ("id", "kind", "state", "attempt"):
        yield name, str(shown[name])
    if "url" in job.spec:
        yield "url", str(job.spec["url"])
    for name in ("created_at", "started_at", "finished_at", "expires_at"):
        yield name.removesuffix("_at"), shown[name] or "-"
    timings_ms = (job.report or {}).get("timings_ms")
    if isinstance(timings_ms, dict):
        yield "timings", ", ".join(f"{step} {took} ms" for step, took in timings_ms.items())
    if job.failure is not None:
        yield "failure", f"{job.failure.code}: {job.failure.message}"
    for warning in job.warnings:
        yield "warning", warning
    for found in job.artifacts:
        yield "artifact", f"{found.name}  {found.media_type}  {found.size_bytes:,} bytes"
