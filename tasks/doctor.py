"""What a worker needs of this machine; `farm doctor` shows it where the worker is installed."""

import logging
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import structlog

from farm.jobs.doctor import DoctorRow
from farm.jobs.errors import ConfigError, FarmError, OptionUnavailable
from tasks.deadline import Deadline
from tasks.egress.client import Gate
from tasks.fonts import SCRIPTS, scripts_without_font
from tasks.pages.ads import INSTALLED, engine
from tasks.pages.browser import BrowserHolder
from tasks.pages.check import open_a_page
from tasks.pages.chromium import find_chromium
from tasks.pages.sandbox import ADVICE, settle_sandbox
from tasks.process import run
from tasks.settings import WorkerSettings
from tasks.watchdog import Watchdog

_TIMEOUT_S = 20.0
_OUTPUT_MAX_BYTES = 1024 * 1024


def checks() -> Iterable[DoctorRow]:
    """Yield one row per thing that a worker needs, having really tried it."""
    # The rows say it all; the parts' own events are for a worker's log.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        settings = WorkerSettings.from_environment()
    except ConfigError as error:
        yield DoctorRow("settings", ok=False, detail=error.message)
        return
    yield from _browser(settings)
    yield _version_of("ffprobe", needed=True, remedy="apt-get install ffmpeg")
    yield _version_of("redis-server", needed=False, remedy="apt-get install redis-server")
    yield _fonts()
    yield _easylist(settings.easylist or INSTALLED)


def _browser(settings: WorkerSettings) -> Iterable[DoctorRow]:
    try:
        found = find_chromium(settings.chromium)
    except ConfigError as error:
        yield DoctorRow("browser", ok=False, detail=error.message)
        return
    yield DoctorRow("browser", ok=True, detail=f"{found.path} ({found.origin})")
    yield _sandbox(settings)
    keeper = settings.keeper()
    keeper.start()
    gate = Gate(keeper.control)
    yield _gate(settings, gate)
    holder = BrowserHolder(settings.chromium, settings.chromium_sandbox, gate)
    try:
        open_a_page(holder, Watchdog())
    except FarmError as error:
        yield DoctorRow("a page opens", ok=False, detail=error.message)
    else:
        yield DoctorRow("a page opens", ok=True, detail=f"Chromium {holder.version}")
    finally:
        holder.close()
        gate.close()
        keeper.stop()


def _gate(settings: WorkerSettings, gate: Gate) -> DoctorRow:
    where = f"at {settings.gate}" if settings.gate else "of the worker's own"
    if gate.answers():
        return DoctorRow("gate", ok=True, detail=f"{where} answers")
    remedy = "; is it started, and with this FARM_GATE_SECRET?" if settings.gate else ""
    return DoctorRow("gate", ok=False, detail=f"{where} does not answer{remedy}")


def _sandbox(settings: WorkerSettings) -> DoctorRow:
    try:
        found = settle_sandbox(settings.chromium_sandbox, settings.chromium)
    except ConfigError as error:
        return DoctorRow("sandbox", ok=False, detail=error.message)
    if found == "on":
        return DoctorRow("sandbox", ok=True, detail="Chromium's own sandbox works")
    detail = f"{found}. {ADVICE} Without it render only pages that you trust, or in a container"
    return DoctorRow("sandbox", ok=None, detail=detail)


def _version_of(program: str, *, needed: bool, remedy: str) -> DoctorRow:
    if shutil.which(program) is None:
        detail = f"not installed: {remedy}"
        return DoctorRow(program, ok=False if needed else None, detail=detail)
    option = "--version" if program == "redis-server" else "-version"
    version = _first_line([program, option])
    if not version:
        return DoctorRow(program, ok=False if needed else None, detail="does not run")
    return DoctorRow(program, ok=True, detail=version)


def _fonts() -> DoctorRow:
    lacking = scripts_without_font()
    if lacking is None:
        return DoctorRow("fonts", ok=None, detail="fc-list does not say which there are")
    if lacking:
        detail = (
            f"none for {', '.join(lacking)}, whose text renders as boxes: apt-get install "
            "fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji"
        )
        return DoctorRow("fonts", ok=None, detail=detail)
    return DoctorRow("fonts", ok=True, detail=f"Latin, {', '.join(SCRIPTS.values())}")


def _easylist(file: Path) -> DoctorRow:
    try:
        engine(file)
    except OptionUnavailable as error:
        return DoctorRow("EasyList", ok=None, detail=f"{error.message} (FARM_EASYLIST names one)")
    return DoctorRow("EasyList", ok=True, detail=str(file))


def _first_line(argv: list[str]) -> str:
    try:
        finished = run(
            argv,
            deadline=Deadline(_TIMEOUT_S),
            cwd=Path(tempfile.gettempdir()),
            stdout_max_bytes=_OUTPUT_MAX_BYTES,
        )
    except FarmError as error:
        return error.message
    return finished.stdout.decode(errors="replace").partition("\n")[0]
