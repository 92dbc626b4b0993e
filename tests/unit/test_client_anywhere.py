"""The client on systems that are not POSIX, as far as that can be seen from one that is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

CLIENT = Path(__file__).parents[2] / "farm" / "client"
SYNCHRONOUS = sorted(
    f"farm.client.{file.stem}"
    for file in CLIENT.glob("*.py")
    if not file.stem.startswith(("__", "async_"))
)
ONLY_ON_POSIX = ["fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"]
"""Modules that Windows does not have. Python's own asyncio takes others there."""
NOT_OF_WINDOWS = {
    "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "chown", "chroot", "ctermid",
    "fchmod", "fchown", "fork", "forkpty", "geteuid", "getgid", "getloadavg", "getpgid", "getppid",
    "getuid", "killpg", "lchown", "mkfifo", "mknod", "nice", "openpty", "posix_fadvise", "pread",
    "pwrite", "sendfile", "setsid", "statvfs", "sync", "uname", "wait3", "wait4",
    "SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGSTOP", "SIGUSR1", "SIGWINCH",
    "add_signal_handler", "alarm", "sigwait",
}  # fmt: skip


def test_it_needs_no_module_that_windows_lacks() -> None:
    code = (
        "import importlib, sys\n"
        f"sys.modules.update(dict.fromkeys({ONLY_ON_POSIX}))\n"
        f"for name in {SYNCHRONOUS}: importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CLIENT.parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", sorted(CLIENT.glob("*.py")), ids=lambda file: file.stem)
def test_it_calls_nothing_that_windows_lacks(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not used & NOT_OF_WINDOWS
