"""What the command line prints: bytes and JSON on stdout for programs, sentences for people.

Much of it was written by strangers (a page's server, a media file), so whatever
goes to a terminal as text goes through ``plain`` first.
"""

import io
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from farm.client.errors import ApiError, ClientError, JobNotSucceeded
from farm.client.saving import replacing
from farm.jobs.doctor import DoctorRow
from farm.jobs.views import JobView, View

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


def write_json(output: str, value: object) -> None:
    """Write ``value`` to the file ``output`` or to stdout, as JSON for people too."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    # Half a surrogate pair, which JSON can name, has no UTF-8; it stays an escape.
    write_bytes(output, text.encode(errors="backslashreplace"))


def print_json(view: View) -> None:
    """Print a job, or what else the farm has answered, on stdout as the API has it."""
    click.echo(view.model_dump_json(indent=2))


def print_line(view: View) -> None:
    """Print the same as JSON on one line."""
    click.echo(as_line(view.model_dump(mode="json")))


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


def as_line(value: object) -> str:
    """Return ``value`` as JSON on one line, for programs that read line by line."""
    # Half a surrogate pair, which JSON can name, has no UTF-8; it stays an escape.
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace").decode()


def print_error(error: ClientError | OSError) -> None:
    """Print what went wrong on stderr: one sentence, then each field at fault."""
    prefix = "" if isinstance(error, JobNotSucceeded) else "Error: "
    click.echo(f"{prefix}{plain(str(error))}", err=True)
    if isinstance(error, ApiError):
        for found in error.errors:
            line = f"{found.field}: {found.message}" if found.field else found.message
            if line != str(error):
                click.echo(f"  {plain(line)}", err=True)


def print_warnings(job: JobView, of: str = "") -> None:
    """Print on stderr what the job says of its result, if anything, and ``of`` what it is."""
    for warning in job.warnings:
        click.echo(f"Warning: {plain(f'{of}: {warning}' if of else warning)}", err=True)


def _job_rows(job: JobView) -> Iterator[tuple[str, str]]:
    # As JSON, where times are already written as a caller knows them.
    shown = job.model_dump(mode="json")
    for name in ("id", "kind", "state", "attempt"):
        yield name, str(shown[name])
    if job.retries:
        yield "retries", str(job.retries)
    if "url" in job.spec:
        yield "url", str(job.spec["url"])
    for name in ("created_at", "started_at", "finished_at", "expires_at"):
        yield name.removesuffix("_at"), shown[name] or "-"
    timings_ms = (job.report or {}).get("timings_ms")
    if isinstance(timings_ms, dict):
        yield "timings", ", ".join(f"{step} {took} ms" for step, took in timings_ms.items())
    if job.failure is not None:
        yield "failure", f"{job.failure.code}: {job.failure.message}"
    for before in job.previous_failures:
        yield "before", f"{before.code}: {before.message}"
    for warning in job.warnings:
        yield "warning", warning
    for found in job.artifacts:
        yield "artifact", f"{found.name}  {found.media_type}  {found.size_bytes:,} bytes"
