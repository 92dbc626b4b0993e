"""The hostile requests of the corpus: each is refused at the door, and nothing of it is stored."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from farm.jobs.listing import JobFilter
from tests.support.builders import MemoryFarm

LONG = "http://public.test/" + "a" * (8193 - len("http://public.test/"))
REFUSED: dict[int, list[Any]] = {
    12: ["http://2130706433/"],
    13: ["http://0177.0.0.1/", "http://0x7f.1/", "http://127.1/"],
    17: ["http://public.test@10.0.0.5/", "http://user:pw@public.test/"],
    18: ["http://public.test\\@10.0.0.5/"],
    19: ["http:\\\\public.test\\", "http:public.test", "http:///etc/passwd"],
    20: ["ht\ttp://10.0.0.5/", "http://a.test/\r\nX: y", " http://a.test/", "http://a.test/\0"],
    21: ["http://[public.test]/"],
    24: [LONG, "", None, 7, [], {}, True],
    38: ["file:///etc/passwd", "FILE:///etc/passwd", "fIlE:/etc/passwd", "file:etc/passwd"],
    39: ["view-source:http://public.test/", "view-source:file:///etc/passwd"],
    40: ["chrome://crash", "chrome://version", "about:blank", "devtools://devtools/x.html"],
    41: ["data:text/html,<p>a", "blob:http://public.test/1", "javascript:alert(1)"],
    42: [
        *("ftp://public.test/", "gopher://10.0.0.5:6379/_X", "dict://10.0.0.5/", "ws://a.test/"),
        *("mailto:a@public.test", "intent://a.test#Intent;end", "httpproxy://10.0.0.5/a.ts"),
    ],
    48: ["http://a..b/", "http://-a/", "http://a-.test/", "http://" + "a" * 64 + ".test/"],
}
OF_MEDIA: dict[int, list[Any]] = {
    66: [
        *("-version", "-i /etc/passwd", "concat:/etc/passwd|x", "subfile,,start,0,end,9,,:/a"),
        *("lavfi", "lavfi:movie=/etc/passwd", "pipe:0", "tcp://10.0.0.5:1/", "async:file:/a"),
    ],
}
KINDS = ["screenshot", "pdf", "content", "probe"]


def cases(table: dict[int, list[Any]]) -> list[object]:
    return [
        pytest.param(url, id=f"{number}-{str(url)[:40]!r}")
        for number, urls in table.items()
        for url in urls
    ]


def refused_field(farm: MemoryFarm, client: FlaskClient, **spec: Any) -> str:
    answer = client.post("/v1/jobs", json=spec)
    assert answer.status_code == 422, answer.text
    assert answer.get_json()["code"] == "invalid_spec"
    assert not farm.service.listed(JobFilter(), None, 10).jobs
    assert farm.queue.waiting == []
    field: str = answer.get_json()["errors"][0]["field"]
    return field


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("url", cases(REFUSED))
def test_12_to_24_38_to_42_an_address_that_is_none_is_422_naming_it(
    farm: MemoryFarm, client: FlaskClient, kind: str, url: object
) -> None:
    assert refused_field(farm, client, kind=kind, url=url) == "url"


@pytest.mark.parametrize("url", cases(OF_MEDIA))
def test_66_what_ffprobe_would_take_for_an_option_or_a_protocol_is_422(
    farm: MemoryFarm, client: FlaskClient, url: str
) -> None:
    assert refused_field(farm, client, kind="probe", url=url) == "url"
    assert refused_field(farm, client, kind="probe", upload_id=url) == "upload_id"


@pytest.mark.parametrize(
    "field", ["probe_args", "args", "format", "f", "protocol_whitelist", "options", "-i"]
)
def test_68_an_option_that_there_is_not_is_422_naming_it(
    farm: MemoryFarm, client: FlaskClient, field: str
) -> None:
    spec = {"kind": "probe", "url": "http://public.test/a.mp4", field: "-i /etc/passwd"}
    assert refused_field(farm, client, **spec) == field


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", ["xn--zzzz.test", "a_b.test", "xn--.test", "a" * 63 + ".test"])
def test_48_an_odd_name_is_refused_or_taken_and_never_an_error_of_the_farm(
    client: FlaskClient, kind: str, host: str
) -> None:
    answer = client.post("/v1/jobs", json={"kind": kind, "url": f"http://{host}/"})
    assert answer.status_code in {202, 422}, answer.text


@pytest.mark.parametrize("kind", ["screenshot", "pdf", "content"])
@pytest.mark.parametrize(
    "domain", ["com", ".com", "test", ".test", ".co.uk", ".github.io", "other.test", "age.test"]
)
def test_107_a_cookie_for_a_whole_suffix_or_another_host_is_422(
    farm: MemoryFarm, client: FlaskClient, kind: str, domain: str
) -> None:
    cookie = {"name": "a", "value": "b", "domain": domain}
    spec = {"kind": kind, "url": "http://page.test/", "cookies": [cookie]}
    assert refused_field(farm, client, **spec) == "cookies"
