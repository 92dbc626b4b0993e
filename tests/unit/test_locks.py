"""What is locked for an image is what was tested, and all that its part needs."""

import tomllib

import pytest
from packaging.requirements import Requirement

from dev.audit import LOCKS, pinned
from dev.stack import ROOT

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()


def pins(name: str) -> set[tuple[str, str]]:
    return set(pinned([(LOCKS / f"{name}.txt").read_text()]))


@pytest.mark.parametrize("name", ["api", "flower", "gate", "otel", "s3", "worker"])
def test_a_lock_has_the_versions_that_were_tested(name: str) -> None:
    assert pins(name)
    assert pins(name) <= pins("dev")


@pytest.mark.parametrize("name", ["s3", "otel"])
def test_what_an_image_has_besides_is_what_its_extra_brings(name: str) -> None:
    wanted = {Requirement(each).name for each in EXTRAS[name]}
    assert wanted <= {name for name, _ in pins(name)}
    assert f"requirements/{name}.txt" in DOCKERFILE
