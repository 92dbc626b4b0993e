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
_OF_TEXT = {"read_text", "write_text", "NamedTemporaryFile", "TemporaryFile"}


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


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CLIENT)))
def test_it_opens_files_as_bytes_alone(file: Path) -> None:
    """As text Windows would write other line ends and, before Python 3.15, other letters."""
    assert list(opened_as_text(ast.parse(file.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "code",
    ['open("x")', 'path.open("r")', 'path.open(mode="w")', "path.read_text()", "os.fdopen(1)"],
)
def test_a_file_that_is_opened_as_text_is_noticed(code: str) -> None:
    assert list(opened_as_text(ast.parse(code))) == [1]
    assert list(opened_as_text(ast.parse('path.open("xb"); path.read_bytes()'))) == []


def opened_as_text(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of calls that open a file otherwise than as bytes."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        said = [*node.args, *(keyword.value for keyword in node.keywords)]
        modes = [each.value for each in said if isinstance(each, ast.Constant)]
        is_text = name in {"open", "fdopen"} and not any("b" in str(mode) for mode in modes)
        # A formatter of click's has such a method, too.
        if is_text or (name in _OF_TEXT and ast.unparse(node.func) != "formatter.write_text"):
            yield node.lineno


def test_what_is_for_other_systems_alone_is_told_from_what_is_for_all() -> None:
    guarded = 'if sys.platform == "win32":\n    import msvcrt\nelse:\n    import fcntl'
    names = [node.name for node in on_windows(ast.parse(guarded)) if isinstance(node, ast.alias)]
    assert names == ["msvcrt"]
