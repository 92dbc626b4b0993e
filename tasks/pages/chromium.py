"""Which Chromium there is to use, and in what environment."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import playwright

from farm.jobs.errors import ConfigError

_SHELL_NAMES = ("headless_shell", "chrome-headless-shell")


@dataclass(frozen=True)
class Chromium:
    """A browser on this machine."""

    path: Path
    origin: str
    """How it was found, in words."""


def find_chromium(chosen: Path | None) -> Chromium:
    """Return the browser to use.

    In this order: ``chosen``, a system ``chromium-headless-shell``, Playwright's own
    headless shell, a system ``chromium``. The headless shell renders the same pages
    about three times as fast as the full browser.

    Raises:
        ConfigError: ``chosen`` is no program, or there is none at all.
    """
    if chosen is not None:
        if not os.access(chosen, os.X_OK):
            raise ConfigError(f"FARM_CHROMIUM: {str(chosen)!r} is not a program.")
        return Chromium(chosen, "FARM_CHROMIUM")
    if system_shell := shutil.which("chromium-headless-shell"):
        return Chromium(Path(system_shell), "system headless shell")
    if own_shell := _playwright_shell():
        return Chromium(own_shell, "Playwright's headless shell")
    if system := shutil.which("chromium"):
        return Chromium(Path(system), "system chromium")
    raise ConfigError(
        "There is no Chromium. Get one with `apt-get install chromium-headless-shell` or "
        "`playwright install --with-deps --only-shell chromium`, or name one in FARM_CHROMIUM."
    )


def environment() -> dict[str, str | float | bool]:
    """Return what a browser sees of the environment: nothing that a page should not."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": tempfile.gettempdir(),
        "TMPDIR": tempfile.gettempdir(),
    }


def names_for_nobody_but(proxy: str) -> str:
    """Return the argument that has a browser look up no name but that of ``proxy``, a URL.

    Names are looked up by the gate; what WebRTC and others ask about beside it, by nobody.
    """
    return f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {urlsplit(proxy).hostname}"


def _playwright_shell() -> Path | None:
    """Return the headless shell that `playwright install` put on this machine, if it did.

    It must be of the very revision that this Playwright was made for
    (``browsers.json`` in its driver says which).
    """
    package = Path(playwright.__file__).parent / "driver" / "package"
    browsers = json.loads((package / "browsers.json").read_text(encoding="utf-8"))["browsers"]
    revision = next(b["revision"] for b in browsers if b["name"] == "chromium-headless-shell")
    for folder in (_browsers_folder(), package / ".local-browsers"):
        for name in _SHELL_NAMES:
            for path in folder.glob(f"chromium_headless_shell-{revision}/*/{name}"):
                return path
    return None


def _browsers_folder() -> Path:
    # As Playwright itself looks for it: https://playwright.dev/python/docs/browsers
    chosen = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")  # noqa: TID251 - Playwright's own name
    return Path(chosen) if chosen and chosen != "0" else Path.home() / ".cache" / "ms-playwright"
