"""What a job may be aimed at: the addresses of the corpus, as a page and as media."""

import pytest

from tests.support.rig_farm import ALLOWED, ALLOWED_PORT, RigFarm
from tests.support.rig_session import PUBLIC_ADDRESS, Rig

# By number in the corpus. Those that the grammar of URLs refuses are tested there.
FORBIDDEN = {
    1: ["http://127.0.0.1/"],
    2: ["http://localhost/", "http://LOCALHOST./", "http://foo.localhost/"],
    3: ["http://[::1]/"],
    4: ["http://[::ffff:127.0.0.1]/", "http://[::ffff:a9fe:a9fe]/"],
    5: ["http://169.254.169.254/latest/meta-data/"],
    6: ["http://[fd00:ec2::254]/"],
    7: ["http://metadata.google.internal/"],
    9: ["http://10.0.0.5/", "http://172.16.0.1/", "http://192.168.0.1/"],
    10: ["http://0.0.0.0/", "http://[::]/"],
    14: ["http://127.0.0.1./"],
    16: ["http://224.0.0.1/", "http://255.255.255.255/", "http://240.0.0.1/"],
    # Of other numbers: what is not the web's, a name for an address inside, mixed answers.
    36: ["http://inside.test/"],
    37: ["http://mixed.test/", "http://mixed6.test/"],
    49: [f"http://{ALLOWED}:8080/", "http://127.0.0.11:8088/", "http://public.test:8088/"],
    54: ["http://public.test:6379/", "http://127.0.0.1:6379/"],
}
NO_QUESTION = {1, 2, 3, 4, 5, 6, 7, 9, 10, 14, 16, 54}
"""Those of them that no name server is asked for."""
OF_THE_BROWSER = {"accounts.google.com", "clients2.google.com", "update.googleapis.com"}
"""What the full Chromium wants of its maker, through the gate, whatever the job is."""


def cases() -> list[object]:
    return [
        pytest.param(number, url, id=f"{number}-{url}")
        for number, urls in FORBIDDEN.items()
        for url in urls
    ]


@pytest.mark.parametrize(("number", "url"), cases())
def test_a_page_at_a_forbidden_address_is_not_asked_for(
    rig: Rig, farm: RigFarm, number: int, url: str
) -> None:
    watch = rig.watch()
    ended = farm.capture(url, kind="screenshot")
    assert ended.code == "target_forbidden", ended.message
    assert ended.job.artifacts == ()
    assert ended.told("10.0.0.5", "169.254") == []
    assert watch.leaks() == set()
    assert watch.hits() == ()
    assert number not in NO_QUESTION or watch.asked() <= OF_THE_BROWSER


@pytest.mark.parametrize(("number", "url"), cases())
def test_media_at_a_forbidden_address_is_not_asked_for(
    rig: Rig, farm: RigFarm, number: int, url: str
) -> None:
    watch = rig.watch()
    ended = farm.probe(f"{url}clip.mp4")
    assert ended.code == "target_forbidden", ended.message
    assert ended.told("10.0.0.5", "169.254") == []
    assert watch.leaks() == set()
    assert watch.hits() == ()
    assert number not in NO_QUESTION or watch.asked() <= OF_THE_BROWSER


@pytest.mark.parametrize(
    ("host", "port"),
    [("public.test", 80), ("dual.test", 8080), ("six.test", 80), (PUBLIC_ADDRESS, 8080)],
)
def test_what_is_public_is_had_through_the_gate_alone(
    rig: Rig, farm: RigFarm, host: str, port: int
) -> None:
    rig.origins.put(f"{host}/welcome", "<!doctype html><title>Welcome</title><h1>Welcome</h1>")
    watch = rig.watch()
    ended = farm.capture(f"http://{host}:{port}/welcome")
    assert ended.report["title"] == "Welcome"
    assert {hit.path for hit in watch.hits()} >= {"/welcome"}
    assert watch.leaks() == set()


def test_tls_goes_through_the_gate_unopened(rig: Rig, farm: RigFarm) -> None:
    rig.origins.put("public.test/welcome", "<!doctype html><title>Welcome</title>")
    watch = rig.watch()
    ended = farm.capture("https://public.test/welcome", ignore_https_errors=True)
    assert ended.report["title"] == "Welcome"
    assert farm.capture("https://public.test/welcome").code == "tls_error"
    assert watch.leaks() == set()


def test_36_a_name_that_changes_its_address_leads_nowhere_but_where_it_was_looked_at(
    rig: Rig, farm: RigFarm
) -> None:
    """Asked again, the name server would say ``10.0.0.5``."""
    page = '<!doctype html><title>Once</title><img src="/a.png"><img src="/b.png">'
    for number in range(4):
        host = f"n{number}.rebind.test"
        rig.origins.put(f"{host}/once", page)
        watch = rig.watch()
        ended = farm.capture(f"http://{host}/once")
        assert ended.code in {"succeeded", "target_forbidden"}, ended.message
        assert ended.told() == []
        assert watch.leaks() == set()
        assert {hit.address for hit in watch.hits()} <= {PUBLIC_ADDRESS}


@pytest.mark.parametrize("kind", ["capture", "probe"])
def test_49_what_the_operator_allows_is_had(rig: Rig, farm: RigFarm, kind: str) -> None:
    rig.origins.put(f"{ALLOWED}/welcome", "<!doctype html><title>Welcome</title>")
    watch = rig.watch()
    url = f"http://{ALLOWED}:{ALLOWED_PORT}/welcome"
    ended = farm.capture(url) if kind == "capture" else farm.probe(url)
    assert ended.code == ("succeeded" if kind == "capture" else "media_invalid"), ended.message
    assert "/welcome" in watch.paths()
    assert watch.leaks((ALLOWED, ALLOWED_PORT)) == set()


@pytest.mark.parametrize("kind", ["capture", "probe"])
def test_50_what_the_operator_allows_is_not_for_a_key_of_the_public_zone(
    rig: Rig, farm: RigFarm, kind: str
) -> None:
    watch = rig.watch()
    url = f"http://{ALLOWED}:{ALLOWED_PORT}/welcome"
    ask = farm.capture if kind == "capture" else farm.probe
    assert ask(url, zones=("public",)).code == "target_forbidden"
    assert watch.leaks() == set()
    assert watch.hits() == ()


def test_51_a_public_page_gets_nothing_of_what_the_operator_allows(rig: Rig, farm: RigFarm) -> None:
    inside = f"http://{ALLOWED}:{ALLOWED_PORT}/v/chart.png"
    url = rig.origins.put("public.test/51", f'<!doctype html><img src="{inside}"><p>Here')
    watch = rig.watch()
    ended = farm.capture(url)
    assert ended.report["blocked_requests"] >= 1
    assert watch.leaks() == set()
    # A page of the inside may show it.
    rig.origins.put(f"{ALLOWED}/51", f'<!doctype html><img src="{inside}"><p>Here')
    ended = farm.capture(f"http://{ALLOWED}:{ALLOWED_PORT}/51")
    assert ended.report["blocked_requests"] == 0
    assert "/v/chart.png" in watch.paths()
