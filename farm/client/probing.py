"""The command ``farm probe``: one file as a table, many as a line each, any number as JSON."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from farm.client import values
from farm.client.errors import ClientError, JobNotSucceeded
from farm.client.exit_codes import ExitCode
from farm.client.http import FarmClient
from farm.client.options import GroupedCommand, given, output_option, spec_options
from farm.client.output import STDOUT, as_line, plain, print_warnings
from farm.client.probes import Probed, Probes, Save
from farm.client.progress import UploadBars
from farm.client.saving import check_file_name, replacing
from farm.client.steps import is_web_url
from farm.client.summaries import cells, rows
from farm.client.tables import Paper, line, table, width_of
from farm.jobs.specs.media import ProbeSpec
from farm.jobs.views import JobView

_PREFIX_MAX = 100
"""Characters; file systems take 255 bytes with what comes behind."""
_JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})

Write = Callable[[str], None]


def _sources(_ctx: click.Context, _param: click.Parameter, value: Sequence[str]) -> Sequence[str]:
    for source in value:
        try:
            values.encodable(source)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
        if not is_web_url(source) and not Path(source).is_file():
            raise click.BadParameter(f"{source!r} is no file and no http or https URL.")
    return value


@click.command(cls=GroupedCommand)
@click.argument("sources", metavar="FILE|URL...", nargs=-1, required=True, callback=_sources)
@output_option("Where to write what is found.  [default: stdout]", default=STDOUT)
@click.option(
    "--artifacts",
    "folder",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where to put the pictures of --thumbnails, as still-001.webp and so on; of several "
    "sources, as clip.still-001.webp.",
)
@click.option(
    "--json/--table",
    "as_json",
    default=None,
    help="Print JSON, one line for each source, or a table: of one source in full, of several "
    "a line each.  [default: --table, but for -o FILE.json]",
)
@spec_options(ProbeSpec, leave_out=("url", "upload_id"))
@click.pass_context
def probe(
    ctx: click.Context,
    /,
    sources: Sequence[str],
    output: str,
    *,
    folder: Path | None,
    as_json: bool | None,
    **options: Any,  # noqa: ANN401 - click's
) -> None:
    """Print what ffprobe says about media files.

    A FILE is uploaded, and dropped from the farm once it has been probed.
    """
    if options["thumbnails"] is not None and folder is None:
        raise click.UsageError("Give --artifacts, a folder for the pictures of --thumbnails.")
    is_json = Path(output).suffix.lower() in _JSON_SUFFIXES if as_json is None else as_json
    told = _as_json if is_json else _as_words(sources, Paper.of(output))
    ok, is_alone = True, len(sources) == 1
    with UploadBars() as bars, _writing(output, bars) as write:
        tasks = list(zip(sources, _saves(ctx.obj, sources, folder), strict=True))
        with closing(Probes(ctx.obj, given(options), bars).run(tasks)) as found:
            for probed in found:
                ok = ok and probed.error is None
                if probed.job is not None:
                    print_warnings(probed.job, "" if is_alone else probed.source)
                if probed.error is not None and is_alone and not (is_json and output == STDOUT):
                    raise probed.error  # As the other commands: a sentence, no file.
                write(told(probed))
    ctx.exit(ExitCode.OK if ok else ExitCode.SOME_FAILED)


@contextmanager
def _writing(output: str, bars: UploadBars) -> Iterator[Write]:
    """Give what writes a text and a newline to stdout or to the file ``output``."""

    def echo(text: str) -> None:
        with bars.aside():
            click.echo(text)

    if output == STDOUT:
        yield echo
        return
    with replacing(Path(output)) as file:

        def write(text: str) -> None:
            file.write(f"{text}\n".encode(errors="backslashreplace"))

        yield write


def _as_json(probed: Probed) -> str:
    found: dict[str, object] = {
        "source": probed.source,
        "job_id": probed.job and probed.job.id,
    }
    if probed.error is not None:
        return as_line(found | {"failure": _failure(probed.error)})
    stills = {"stills": [str(path) for path in probed.stills]} if probed.stills else {}
    report = {name: probed.report.get(name) for name in ("summary", "ffprobe")}
    return as_line(found | report | stills)


def _as_words(sources: Sequence[str], paper: Paper) -> Callable[[Probed], str]:
    """Return what makes a table of the only source, or a line of each."""
    names = [plain(source) for source in sources]
    name_width = width_of(names)

    def in_full(probed: Probed) -> str:
        return table(names[0], rows(probed.report, probed.stills), paper)

    def on_a_line(probed: Probed) -> str:
        if probed.error is None:
            said = cells(probed.report, probed.source)
        else:
            failure = _failure(probed.error)
            said = [plain(f"{failure['code']}: {failure['message']}")]
        return line([plain(probed.source), *said], name_width, paper)

    return in_full if len(sources) == 1 else on_a_line


def _failure(error: ClientError | OSError) -> dict[str, Any]:
    if isinstance(error, JobNotSucceeded) and error.job.failure is not None:
        return error.job.failure.model_dump(mode="json")
    code, is_retryable = "unreadable_file", False
    if isinstance(error, ClientError):
        code, is_retryable = error.code, error.retryable
    return {"code": code, "message": str(error), "retryable": is_retryable}


def _saves(client: FarmClient, sources: Sequence[str], folder: Path | None) -> Iterator[Save]:
    """Yield for each source what saves its stills, under names that no other source has."""
    taken: set[str] = set()
    for source in sources:
        stem = prefix = _stem(source)
        number = 1
        while prefix.casefold() in taken:
            number += 1
            prefix = f"{stem}-{number}"
        taken.add(prefix.casefold())
        yield _save(client, folder, "" if len(sources) == 1 else f"{prefix}.")


def _save(client: FarmClient, folder: Path | None, prefix: str) -> Save:
    def save(job: JobView) -> Sequence[Path]:
        if folder is None:
            return ()
        saved = []
        for artifact in job.artifacts[1:]:
            check_file_name(artifact.name)
            path = folder / f"{prefix}{artifact.name}"
            client.save_artifact(job, artifact.name, path)
            saved.append(path)
        return saved

    return save


def _stem(source: str) -> str:
    """Return the name of the file that ``source`` is, fit for a name of a file here."""
    name = unquote(urlsplit(source).path).rstrip("/") if is_web_url(source) else source
    return re.sub(r"[^A-Za-z0-9._-]", "_", Path(name).stem).lstrip(".")[:_PREFIX_MAX] or "media"
