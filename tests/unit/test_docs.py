"""The documentation, held to the code and to the files that it names."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from dev.docs import ROOT, TABLES, written
from farm.backends.settings import KNOWN_NAMES, PREFIX

PAGES = sorted(
    str(page.relative_to(ROOT)) for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
)
DECISIONS = sorted(ROOT.glob("docs/decisions/*.md"))


def read(file: str | Path) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)


def code_of(text: str) -> str:
    return "\n".join(re.findall(r"^```.*?^```|`[^`\n]*`", text, flags=re.DOTALL | re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """Return the names that headings get where the pages are shown."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: str, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    if not target.exists():
        return True
    return bool(anchor) and anchor not in anchors(target)


@pytest.mark.parametrize("file", TABLES)
def test_generated_tables_are_as_the_code_has_them(file: str) -> None:
    assert read(file) == written(file), "run `make docs`"


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", without_code(read(page)))
    inside = [link for link in links if not link.startswith(("http://", "https://"))]
    assert [link for link in inside if broken(page, link)] == []


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_at_most_40_lines_long(decision: Path) -> None:
    assert len(read(decision).splitlines()) <= 40


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(page.name.partition("-")[0]) for page in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))


def test_the_readme_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))
    code = code_of(read("README.md"))
    named = set(re.findall(r"^`?make ([a-z-]+)", code, flags=re.MULTILINE))
    assert named
    assert named <= targets


def test_operations_name_every_setting_that_there_is() -> None:
    text = read("docs/operations.md")
    assert [name for name in sorted(KNOWN_NAMES) if f"`{PREFIX}{name}`" not in text] == []


def test_the_api_page_names_every_address_and_method() -> None:
    text = read("docs/api.md")
    described = json.loads(read("openapi.json"))["paths"]
    calls = [f"{method.upper()} {path}" for path in described for method in described[path]]
    assert [call for call in calls if f"`{call}`" not in text] == []
