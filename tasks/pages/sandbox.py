"""Whether Chromium's own sandbox works on this machine: only a launch can tell."""

import os
import tempfile
from pathlib import Path

import structlog

from farm.jobs.errors import ConfigError, JobTimedOut, OutputTooLarge
from tasks.deadline import Deadline
from tasks.pages.chromium import find_chromium
from tasks.process import Limits, run
from tasks.settings import Sandbox

ADVICE = (
    "Chromium's own sandbox needs an ordinary user (not root) and user namespaces. Some systems "
    "close these (see kernel.apparmor_restrict_unprivileged_userns); Docker opens them with a "
    "seccomp profile like docker/chromium-seccomp.json."
)
_MEANING = (
    "Pages are rendered without Chromium's own sandbox: what breaks out of a page has all that "
    "this process has."
)
_TIMEOUT_S = 30.0
_OUTPUT_MAX_BYTES = 64 * 1024
_AS_MUCH_AS_IT_LIKES = Limits(memory_bytes=2**46, open_files=4096, file_bytes=2**30)
"""A browser reserves terabytes of addresses, and uses few of them."""
_PAGE = "data:text/html,<p>sandboxed"
_MARK = b"<p>sandboxed"
_TELLING = ("sandbox", "namespace")

_log = structlog.get_logger(__name__)


def settle_sandbox(wanted: Sandbox, chosen: Path | None) -> str:
    """Try the sandbox, unless nobody wants it, and say loudly if it is missing.

    Returns:
        ``on``, or ``off`` and why.

    Raises:
        ConfigError: It is required and does not work here.
    """
    why = "FARM_CHROMIUM_SANDBOX says so" if wanted == "off" else why_no_sandbox(chosen)
    if why is None:
        return "on"
    if wanted == "required":
        raise ConfigError(f"FARM_CHROMIUM_SANDBOX is required, but: {why}.\n{ADVICE}")
    _log.warning("no_sandbox", why=why, meaning=_MEANING, advice=ADVICE)
    return f"off: {why}"


def why_no_sandbox(chosen: Path | None) -> str | None:
    """Have the browser that ``find_chromium`` finds open a page in its sandbox, without network.

    Returns:
        Why it cannot; ``None``: it can.
    """
    if os.geteuid() == 0:
        return "Chromium refuses its own sandbox to root"
    with tempfile.TemporaryDirectory(prefix="farm-sandbox-", ignore_cleanup_errors=True) as folder:
        try:
            finished = run(
                [
                    *(str(find_chromium(chosen).path), "--headless", "--disable-gpu"),
                    *("--disable-dev-shm-usage", "--proxy-server=http://127.0.0.1:9"),
                    *(f"--user-data-dir={folder}", "--dump-dom", _PAGE),
                ],
                deadline=Deadline(_TIMEOUT_S),
                cwd=Path(folder),
                stdout_max_bytes=_OUTPUT_MAX_BYTES,
                limits=_AS_MUCH_AS_IT_LIKES,
            )
        except (ConfigError, JobTimedOut, OutputTooLarge) as error:
            return error.message
        except OSError as error:
            return f"Chromium does not start: {error.strerror}"
    if finished.exit_code == 0 and _MARK in finished.stdout:
        return None
    return _reason(finished.stderr) or f"Chromium ended with {finished.exit_code}"


def _reason(stderr: str) -> str:
    """Return the line that speaks of it or, if none does, the last one."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line.lower() for word in _TELLING)]
    return next(iter([*telling, *reversed(lines)]), "")
