"""The documentation, held to the code and to the files that it names."""

import json
import re
from pathlib import Path
from typing import get_args
from urllib.parse import unquote

import pytest

from api.batch_bodies import BatchBody
from api.schemas import TagsBody
from dev.docs import ROOT, TABLES, spec_tables, written
from farm.backends.settings import KNOWN_NAMES, PREFIX
from farm.client.errors import ClientError
from farm.jobs.errors import leaves
from farm.jobs.key_service import KeyRequest
from farm.jobs.links import LinkRequest
from farm.jobs.signing import RotationRequest
from farm.jobs.specs.base import groups
from farm.jobs.specs.names import DEVICES
from farm.jobs.specs.page import Collected
from farm.jobs.specs.requests import SPECS, JobRequest
from farm.jobs.specs.secrets import SECRET_FIELDS

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


@pytest.mark.parametrize("kind", list(leaves(ClientError)))
def test_the_client_s_page_has_every_error_that_is_raised(kind: type[ClientError]) -> None:
    assert f"| `{kind.__name__}` |" in read("docs/client.md")


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


@pytest.mark.parametrize("kind", SPECS)
def test_the_api_page_has_a_heading_for_every_group_and_a_row_for_every_option(kind: str) -> None:
    text = read("docs/api.md")
    for heading, fields in groups(SPECS[kind]).items():  # type: ignore[index]
        wanted = [name for name in fields if name != "kind"]
        if wanted:
            assert text.count(f"#### {heading}\n") == 1
        assert [name for name in wanted if f"\n| `{name}` |" not in text] == []


def test_the_fields_of_an_option_have_rows_too_and_long_lists_have_none() -> None:
    text = "".join(spec_tables(SPECS[kind], SPECS[kind].model_fields) for kind in SPECS)
    for row in ("viewport.width", "clip.x", "cookies[].name", "select.NAME.selector"):
        assert f"| `{row}` |" in text
    assert f"`{DEVICES[0]}`" not in text


def test_every_example_of_a_body_on_the_api_page_is_one() -> None:
    kinds = []
    for text in re.findall(r"-d '(\{.*?\})'\n", read("docs/api.md"), flags=re.DOTALL):
        body = json.loads(text.replace("'$UPLOAD_ID'", "id"))
        if set(body) <= set(SECRET_FIELDS):  # Of a retry.
            JobRequest.model_validate({"kind": "screenshot", "url": "http://a.test/", **body})
        elif "kind" in body:
            kinds.append(JobRequest.model_validate(body).root.kind)
        elif set(body) == {"tags"}:
            TagsBody.model_validate(body)
        elif "items" in body:
            BatchBody.model_validate(body)
        elif "overlap" in body:
            RotationRequest.model_validate(body)
        else:
            (KeyRequest if "name" in body else LinkRequest).model_validate(body)
    assert set(kinds) == set(SPECS)


@pytest.mark.parametrize("name", get_args(Collected))
def test_the_api_page_says_what_each_collected_artifact_is(name: str) -> None:
    assert f"\n| `{name}` | `" in read("docs/api.md")


def test_the_api_page_names_every_address_and_method() -> None:
    text = read("docs/api.md")
    described = json.loads(read("openapi.json"))["paths"]
    calls = [f"{method.upper()} {path}" for path in described for method in described[path]]
    assert [call for call in calls if f"`{call}`" not in text] == []
