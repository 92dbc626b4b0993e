"""The API's description, its pages, and what importing the API brings along."""

import json
import re
import subprocess
import sys

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from api.app import create_app
from api.cells import is_secret
from api.problems import STATUSES
from api.settings import ApiSettings
from dev import openapi
from farm.jobs.batches.models import BatchOptions
from farm.jobs.errors import JobError, leaves
from farm.jobs.specs.names import DEVICES
from farm.jobs.specs.requests import SPECS
from tests.support.builders import MemoryFarm


@pytest.fixture
def client() -> FlaskClient:
    return create_app(ApiSettings(), MemoryFarm().service).test_client()


CODES = sorted({error.code for error in (*STATUSES, *leaves(JobError))})


def test_the_file_is_what_the_app_describes() -> None:
    stored = openapi.FILE.read_text(encoding="utf-8")
    assert stored == openapi.described(), "openapi.json has drifted: run `make openapi`"


def test_the_description_is_valid_openapi_3_1() -> None:
    description = json.loads(openapi.described())
    assert description["openapi"].startswith("3.1.")
    validate(description, cls=OpenAPIV31SpecValidator)


def test_the_kind_tells_the_specs_apart() -> None:
    description = json.loads(openapi.described())
    discriminator = description["components"]["schemas"]["JobRequest"]["discriminator"]
    assert discriminator["propertyName"] == "kind"
    assert set(discriminator["mapping"]) == set(SPECS)
    for reference in discriminator["mapping"].values():
        assert (
            reference.removeprefix("#/components/schemas/") in description["components"]["schemas"]
        )


def test_the_list_of_devices_stands_in_it_once() -> None:
    assert openapi.described().count(f'"{DEVICES[0]}"') == 1
    names = json.loads(openapi.described())["components"]["schemas"]["JobRequest.DeviceName"]
    assert names["enum"] == list(DEVICES)


@pytest.mark.parametrize("path", ["result", "artifacts/{name}"])
def test_an_artifact_may_be_of_any_type_that_a_kind_makes(path: str) -> None:
    described = json.loads(openapi.described())["paths"][f"/v1/jobs/{{job_id}}/{path}"]
    assert set(described["get"]["responses"]["200"]["content"]) == {
        *("image/png", "image/jpeg", "image/webp", "application/pdf", "application/json"),
        *("text/html", "text/plain"),
    }


def test_every_operation_describes_its_errors_as_problems() -> None:
    for path, operations in json.loads(openapi.described())["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if status >= "400" and path != "/readyz":
                    assert list(answer["content"]) == ["application/problem+json"], (method, path)


def test_every_option_of_a_batch_may_be_sent_as_its_query_is_described() -> None:
    described = json.loads(openapi.described())["paths"]["/v1/batches"]["post"]["parameters"]
    in_query = {each["name"]: each for each in described if each["in"] == "query"}
    free = in_query.pop("defaults")
    assert (free["style"], free["explode"]) == ("form", True)
    assert {name.partition(".")[0] for name in in_query} == set(BatchOptions.model_fields)
    assert not [name for name in in_query if is_secret(name)]
    values = {"dedupe": "false", "on_complete.webhook_url": "https://hooks.test/"}
    query = {name: values.get(name, "1") for name in in_query} | {
        name: str(value).lower() for name, value in free["example"].items()
    }
    client = create_app(ApiSettings(), MemoryFarm().service).test_client()
    answer = client.post(
        "/v1/batches", data="https://page.test/", content_type="text/plain", query_string=query
    )
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("module", ["api.app", "api.wsgi"])
def test_importing_the_api_brings_no_browser_and_no_workshop(module: str) -> None:
    code = f"import sys, {module}; print(sorted({{name.split('.')[0] for name in sys.modules}}))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=openapi.FILE.parent,
    )
    assert "api" in found.stdout
    assert "'playwright'" not in found.stdout
    assert "'tasks'" not in found.stdout


@pytest.mark.parametrize("page", ["/docs", "/docs/errors"])
def test_a_page_loads_nothing_from_another_host(client: FlaskClient, page: str) -> None:
    text = client.get(page).text
    comments_aside = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    assert re.findall(r"""["'(=]\s*(?:https?:)?//""", comments_aside) == []
    assert "http://" not in comments_aside
    assert "https://" not in comments_aside


@pytest.mark.parametrize("page", ["/docs", "/docs/errors"])
def test_all_that_a_page_loads_is_served_here(client: FlaskClient, page: str) -> None:
    addresses = re.findall(r"""(?:src=|href=|url:\s*)["']([^"']+)["']""", client.get(page).text)
    assert addresses
    for address in addresses:
        with client.get(address, buffered=True) as answer:
            assert answer.status_code == 200, address


@pytest.mark.parametrize("code", CODES)
def test_every_error_code_has_its_place_on_the_page_that_problems_point_to(
    client: FlaskClient, code: str
) -> None:
    assert client.get("/docs/errors").text.count(f'id="{code}"') == 1


def test_the_page_of_errors_says_what_to_do(client: FlaskClient) -> None:
    text = client.get("/docs/errors").text
    assert "wait for the element with <code>wait_for_selector</code>." in text
    assert "``" not in text


def test_no_file_beside_the_page_s_own_is_served(client: FlaskClient) -> None:
    for name in (
        "../../__init__.py",
        "%2e%2e/%2e%2e/__init__.py",
        "css/../../../__init__.py",
        "no",
    ):
        assert client.get(f"/docs/assets/{name}").status_code == 404
