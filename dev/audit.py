"""Ask OSV, the database of known vulnerabilities, about every locked package.

uv asks, and it reads lock files of its own alone: it is given one made up of our pins. What
cannot be asked, as on a machine without network, is said plainly and fails nothing, for it is
no fault of the change at hand; what is known to be vulnerable fails.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

SERVICE = "https://api.osv.dev/"
LOCKS = Path(__file__).resolve().parent.parent / "requirements"

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
_UV = Path(sys.executable).parent / "uv"
_TIMEOUT_S = 60
_FOUND, _NONE = 1, 0
"""uv's exit codes; any other one says that it failed, be it at asking or at what it was given."""


def pinned(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return name and version of each package that the lock files ``texts`` hold."""
    return sorted(
        {(name.lower(), version) for text in texts for name, version in _PIN.findall(text)}
    )


def write_project(folder: Path, pins: Iterable[tuple[str, str]]) -> None:
    """Write into ``folder`` what uv takes for a project that is locked to ``pins``."""
    # The registry is never asked, so it is none.
    named = [
        (f'name = "{name}"', f'version = "{version}"', 'source = { registry = "." }')
        for name, version in pins
    ]
    itself = ('name = "locked"', 'version = "0"', 'requires-python = ">=3.11"')
    needs = ", ".join(f"{{ {', '.join(lines)} }}" for lines in named)
    lock = ["version = 1", itself[-1], "[[package]]", *itself[:-1], 'source = { virtual = "." }']
    lock.append(f"dependencies = [{needs}]")
    lock += [line for lines in named for line in ("[[package]]", *lines)]
    folder.joinpath("uv.lock").write_text("\n".join(lock), encoding="utf-8")
    project = "\n".join(["[project]", *itself])
    folder.joinpath("pyproject.toml").write_text(project, encoding="utf-8")


def audit(pins: list[tuple[str, str]], service_url: str) -> int:
    """Print what is known about ``pins``; return the exit code."""
    command = [str(_UV), "audit", "--frozen", "--preview-features", "audit-command", "--no-cache"]
    command += ["--service-url", service_url]
    environment = {**os.environ, "UV_HTTP_RETRIES": "1"}
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder), pins)
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _could_not_ask(pins, f"no answer within {_TIMEOUT_S} s")
    if done.returncode not in {_FOUND, _NONE} and service_url in done.stderr:
        return _could_not_ask(pins, " ".join(done.stderr.split()))
    if done.returncode == _NONE:
        print(f"audit: nothing is known against {len(pins)} locked packages")
    else:
        print(done.stdout or done.stderr)
    return done.returncode


def _could_not_ask(pins: list[tuple[str, str]], reason: str) -> int:
    print(f"audit: COULD NOT ASK about {len(pins)} locked packages, so nothing is known: {reason}")
    return 0


if __name__ == "__main__":
    texts = [path.read_text(encoding="utf-8") for path in sorted(LOCKS.glob("*.txt"))]
    sys.exit(audit(pinned(texts), sys.argv[1] if sys.argv[1:] else SERVICE))
