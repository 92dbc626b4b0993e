"""FFmpeg's programs start sooner, and are put together as ever."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tasks.media.linking import linker_for
from tests.support.neighbours import missing, need

BINDING = re.compile(r"binding file (\S+) \[0\] to (\S+) \[0\]: \w+ symbol `(\S+)'(.*)")


@pytest.fixture(autouse=True)
def looked_up_anew() -> Iterator[None]:
    linker_for.cache_clear()
    yield
    linker_for.cache_clear()


@pytest.fixture(params=["ffprobe", "ffmpeg"])
def program(request: pytest.FixtureRequest) -> str:
    path = need(request.param)
    if not linker_for(path):
        missing(f"{path} is not linked as distributions do")
    return path


def bindings(command: Sequence[str], folder: Path) -> Mapping[tuple[str, ...], str]:
    """Return the library in which each name is found, by library, name and version."""
    subprocess.run(
        [*command, "-version"],
        env={"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": str(folder / "said")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    (said,) = folder.glob("said.*")
    found = BINDING.findall(said.read_text())
    said.unlink()
    return {(user, name, version): owner for user, owner, name, version in found}


def is_inline(name: str) -> bool:
    """Return whether it is of the standard library's headers: each user may have its own copy."""
    return name.startswith(("_ZNSt", "_ZNKSt"))


def test_every_name_is_found_in_the_same_library(program: str, tmp_path: Path) -> None:
    usual = bindings([program], tmp_path)
    quick = bindings([*linker_for(program), program], tmp_path)
    assert len(usual) > 10_000
    assert usual.keys() == quick.keys()
    moved = {key: quick[key] for key, owner in usual.items() if quick[key] != owner}
    assert {name for _, name, _ in moved if not is_inline(name)} == set()


def test_it_says_nothing_of_its_own(program: str) -> None:
    usual, quick = (
        subprocess.run([*command, "-version"], capture_output=True, check=True)
        for command in ([program], [*linker_for(program), program])
    )
    assert (quick.stdout, quick.stderr) == (usual.stdout, usual.stderr)


@pytest.mark.parametrize("program", ["/bin/true", "/bin/ldd", "/nowhere/ffprobe"])
def test_what_has_none_of_those_libraries_or_is_no_program_is_started_as_ever(
    program: str,
) -> None:
    assert linker_for(program) == ()


def test_where_nothing_can_be_asked_it_is_started_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert linker_for("/usr/bin/ffprobe") == ()
