"""The client on systems that are not POSIX, as far as that can be seen from one that is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CLIENT = Path(__file__).parents[2] / "farm" / "client"
FILES = sorted(CLIENT.rglob("*.py"))
ONLY_ON_POSIX = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
"""Modules that Windows does not have."""
NOT_OF_WINDOWS = {
    "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "chown", "chroot", "ctermid",
    "fchmod", "fchown", "fork", "forkpty", "geteuid", "getgid", "getloadavg", "getpgid", "getppid",
    "getuid", "killpg", "lchown", "mkfifo", "mknod", "nice", "openpty", "posix_fadvise", "pread",
    "pwrite", "sendfile", "setsid", "statvfs", "sync", "uname", "wait3", "wait4",
    "SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGSTOP", "SIGUSR1", "SIGWINCH",
    "add_signal_handler", "alarm", "sigwait",
}  # fmt: skip


def on_windows(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what Windows gets to see: not what stands behind ``if sys.platform == "win32"``."""
    yield tree
    seen = ast.iter_child_nodes(tree)
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "sys.platform == 'win32'":
        seen = iter(tree.body)
    for each in seen:
        yield from on_windows(each)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CLIENT)))
def test_it_uses_nothing_that_windows_lacks(file: Path) -> None:
    imported, used = set(), set()
    for node in on_windows(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                imported |= {each.name for each in node.names}
            case ast.ImportFrom(module=str(module)):
                imported.add(module)
                used |= {each.name for each in node.names}
            case ast.Attribute(attr=attribute):
                used.add(attribute)
    assert not imported & ONLY_ON_POSIX
    assert not used & NOT_OF_WINDOWS


def test_what_is_for_other_systems_alone_is_told_from_what_is_for_all() -> None:
    guarded = 'if sys.platform == "win32":\n    import msvcrt\nelse:\n    import fcntl'
    names = [node.name for node in on_windows(ast.parse(guarded)) if isinstance(node, ast.alias)]
    assert names == ["msvcrt"]
