"""Where the gate lets a client go, and where not: numbers are of the hostile corpus."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from tasks.egress.policy import Policy
from tests.support.gates import (
    PUBLIC,
    Client,
    Got,
    Origin,
    answer_to_connect,
    say,
    saying,
    scene,
    whole,
)

WIKI = "10.20.0.5"
NAMES = {
    "wiki.corp.test": [WIKI],
    "mixed.test": [PUBLIC, "10.0.0.5"],
    "mapped.test": [PUBLIC, "::ffff:127.0.0.1"],
    "rebound.test": ["127.0.0.1"],
}


def refusal_of(got: Got) -> tuple[int, str | None, bytes]:
    return got.status, got.code, got.body


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",  # 1
        *("localhost", "LOCALHOST.", "foo.localhost"),  # 2
        "[::1]",  # 3
        *("[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]"),  # 4
        "169.254.169.254",  # 5
        "[fd00:ec2::254]",  # 6
        "metadata.google.internal",  # 7
        *("10.0.0.5", "172.16.0.1", "192.168.0.1"),  # 9
        *("0.0.0.0", "0", "[::]"),  # 10
        "2130706433",  # 12
        *("0177.0.0.1", "0x7f.1", "127.1"),  # 13
        "127.0.0.1.",  # 14
        *("224.0.0.1", "255.255.255.255", "240.0.0.1"),  # 16
        *("mixed.test", "mapped.test", "rebound.test", "wiki.corp.test"),  # 36, 37
        *("redis", "clients2.google.com"),
    ],
)
def test_1_to_16_36_37_forbidden_targets_get_one_answer_and_no_packet(host: str) -> None:
    policy = Policy(own="redis:6379")
    with scene(policy=policy, names=NAMES) as the:
        plain = the.fetch(f"http://{host}/secret")
        head = answer_to_connect(the.port, f"{host}:443")
        assert the.network.dialled == []
        looked_up = set(the.network.asked)
    assert plain.status == 403
    assert plain.code == "target_forbidden"
    assert plain.body == b"The gate of the farm did not let this request through.\n"
    assert head.startswith(b"HTTP/1.1 403 ")
    assert b"X-Farm-Gate: target_forbidden\r\n" in head
    assert looked_up <= set(NAMES)  # 7: nobody else was asked for


@pytest.mark.parametrize(
    "target",
    [
        *("http://public.test@10.0.0.5/", "http://user:pw@public.test/"),  # 17
        "http://public.test\\@10.0.0.5/",  # 18
        *("http:\\\\public.test\\", "http:public.test", "http:///etc/passwd"),  # 19
        "ht\ttp://10.0.0.5/",  # 20
        "http://[public.test]/",  # 21
        *("https://public.test/", "/", "public.test"),
    ],
)
def test_17_to_21_odd_targets_are_malformed_and_lead_nowhere(target: str) -> None:
    with scene() as the:
        got = say(the.port, f"GET {target} HTTP/1.1\r\nHost: public.test\r\n\r\n".encode())
        assert the.network.dialled == []
        assert the.network.asked == []
    assert got.startswith(b"HTTP/1.1 400 ")
    assert b"X-Farm-Gate: " in got


def test_25_26_each_hop_of_a_redirect_is_judged_anew_on_the_same_connection() -> None:
    with Origin(saying(whole())) as origin:
        policy = Policy(ports=f"80,{origin.port}")
        with scene(policy=policy, names=NAMES) as the, Client(the.port) as client:
            assert client.get(origin.url("/one")).status == 200
            assert client.get("http://10.0.0.5/secret").code == "target_forbidden"
            assert client.get(origin.url("/two")).status == 200
            assert client.get("http://127.0.0.1/").code == "target_forbidden"
            assert client.get("http://mixed.test/").code == "target_forbidden"
            assert set(the.network.dialled) == {PUBLIC}
            assert client.connections == 1
            assert the.session.denied == 3


def test_36_a_name_that_changes_its_address_is_not_asked_again() -> None:
    with Origin(saying(whole(b"", b"Connection: close"))) as origin:
        with scene(policy=Policy(ports=str(origin.port))) as the:
            assert the.fetch(origin.url()).status == 200
            the.network.names["public.test"] = ["127.0.0.1"]
            assert the.fetch(origin.url()).status == 200
            assert the.network.asked == ["public.test"]
            assert the.network.dialled == [PUBLIC, PUBLIC]
        with scene(
            policy=Policy(ports=str(origin.port)), names={"public.test": ["127.0.0.1"]}
        ) as the:
            assert the.fetch(origin.url()).code == "target_forbidden"


def test_many_requests_at_once_cost_one_look_up() -> None:
    with Origin(saying(whole())) as origin, scene(policy=Policy(ports=str(origin.port))) as the:
        with ThreadPoolExecutor(10) as threads:
            got = list(threads.map(the.fetch, [origin.url(f"/{number}") for number in range(50)]))
        assert {each.status for each in got} == {200}
        assert the.network.asked == ["public.test"]


def test_an_address_that_does_not_answer_is_followed_by_the_next() -> None:
    names = {"two.test": ["93.184.216.1", PUBLIC]}
    with (
        Origin(saying(whole(b"", b"Connection: close"))) as origin,
        scene(policy=Policy(ports=str(origin.port)), names=names) as the,
    ):
        the.network.dead.add("93.184.216.1")
        assert the.fetch(origin.url(host="two.test")).status == 200
        assert the.fetch(origin.url(host="two.test")).status == 200
        # Who has answered once is asked first.
        assert the.network.dialled == ["93.184.216.1", PUBLIC, PUBLIC]


def test_who_has_no_address_or_does_not_answer_is_told_from_the_forbidden() -> None:
    names = {"down.test": ["93.184.216.1"]}
    with scene(names=names) as the:
        the.network.dead.add("93.184.216.1")
        unknown, down = the.fetch("http://unknown.test/"), the.fetch("http://down.test/")
        assert refusal_of(unknown)[:2] == (502, "dns_error")
        assert refusal_of(down)[:2] == (502, "connection_failed")
        assert the.session.refusal("unknown.test", 80) == "dns_error"
        assert the.session.refusal("down.test", 80) == "connection_failed"
        assert the.session.denied == 0
        head = answer_to_connect(the.port, "down.test:443")
        assert b"X-Farm-Gate: connection_failed\r\n" in head


class TestInternal:
    """What is open only because the operator says so."""

    def test_49_the_port_that_is_allowed_is_open_and_no_other(self) -> None:
        with Origin(saying(whole())) as origin:
            policy = Policy(allow=f"127.0.0.10:{origin.port}")
            url = origin.url(host="127.0.0.10")
            with scene(policy=policy, zones=["internal"], url=url) as the:
                assert the.fetch(url).status == 200
                assert the.fetch("http://127.0.0.10/").code == "target_forbidden"
                assert the.fetch(origin.url(host="127.0.0.20")).code == "target_forbidden"

    def test_50_it_takes_a_session_that_may(self) -> None:
        with Origin(saying(whole())) as origin:
            policy = Policy(allow=f"wiki.corp.test:{origin.port}")
            url = origin.url(host="wiki.corp.test")
            with scene(policy=policy, names=NAMES, zones=["public"], url=url) as the:
                assert the.fetch(url).code == "target_forbidden"
                assert the.network.asked == []
            with scene(policy=policy, names=NAMES, zones=["internal"], url=url) as the:
                assert the.fetch(url).status == 200
                assert the.fetch(origin.url(host=WIKI)).code == "target_forbidden"

    @pytest.mark.parametrize("url", ["http://public.test/", "http://unknown.test/"])
    def test_51_a_public_page_may_not_reach_in(self, url: str) -> None:
        with Origin(saying(whole())) as origin:
            policy = Policy(allow=f"10.20.0.0/16:{origin.port}", ports=f"80,{origin.port}")
            with scene(policy=policy, zones=["public", "internal"], url=url) as the:
                assert the.fetch(origin.url()).status == 200
                assert the.fetch(origin.url(host=WIKI)).code == "target_forbidden"
                assert WIKI not in the.network.dialled

    @pytest.mark.parametrize(("zone", "code"), [("internal", None), ("public", "target_forbidden")])
    def test_51_the_callers_own_page_may_what_the_caller_may(
        self, zone: str, code: str | None
    ) -> None:
        with Origin(saying(whole())) as origin:
            policy = Policy(allow=f"10.20.0.0/16:{origin.port}")
            with scene(policy=policy, zones=[zone], url=None) as the:
                assert the.fetch(origin.url(host=WIKI)).code == code

    def test_51_an_internal_page_may_load_what_is_public(self) -> None:
        with Origin(saying(whole())) as origin:
            policy = Policy(allow=f"10.20.0.0/16:{origin.port}", ports=str(origin.port))
            url = origin.url(host="wiki.corp.test")
            with scene(policy=policy, names=NAMES, zones=["internal"], url=url) as the:
                assert the.fetch(url).status == 200
                assert the.fetch(origin.url(host="10.20.0.6")).status == 200
                assert the.fetch(origin.url()).status == 200

    def test_51_a_public_page_learns_nothing_of_internal_names(self) -> None:
        policy = Policy(allow="*.intranet", ports="80")
        url = "http://public.test/"
        with scene(policy=policy, zones=["internal"], url=url) as the:
            assert the.fetch("http://wiki.intranet/").code == "target_forbidden"
            assert the.fetch("http://nothing.intranet/").code == "target_forbidden"
            assert the.network.asked == ["public.test"]

    def test_51_a_page_that_was_public_once_stays_so(self) -> None:
        with Origin(saying(whole())) as origin:
            policy = Policy(allow=f"10.20.0.0/16:{origin.port}", ports=str(origin.port))
            with scene(policy=policy, zones=["internal"], url=origin.url()) as the:
                assert the.fetch(origin.url()).status == 200
                the.network.names["public.test"] = [WIKI]
                assert the.fetch(origin.url(host=WIKI)).code == "target_forbidden"

    def test_52_metadata_stays_closed_whatever_is_allowed(self) -> None:
        policy = Policy(allow="169.254.0.0/16")
        url = "http://169.254.169.254/latest/meta-data/"
        with scene(policy=policy, zones=["internal"], url=url) as the:
            assert the.fetch(url).code == "target_forbidden"
            assert the.network.dialled == []

    def test_the_farms_own_services_are_closed_by_any_name(self) -> None:
        names = {"redis": [WIKI], "alias.test": [WIKI]}
        policy = Policy(allow="10.20.0.0/16", own="redis:6379")
        url = "http://10.20.0.7/"
        with scene(policy=policy, names=names, zones=["internal"], url=url) as the:
            for host in ("redis", "alias.test", WIKI):
                head = answer_to_connect(the.port, f"{host}:6379")
                assert head.startswith(b"HTTP/1.1 403 ")
            assert the.network.dialled == []


def test_the_operator_reads_which_address_it_was_and_the_client_does_not() -> None:
    with scene(names=NAMES) as the, capture_logs() as logs:
        got = [the.fetch("http://wiki.corp.test/") for _ in range(3)]
        the.fetch("http://update.googleapis.com/")
    assert all(WIKI not in f"{each.headers}{each.body!r}" for each in got)
    assert [
        (each["job_id"], each["host"], each["port"], each["addresses"])
        for each in logs
        if each["event"] == "target_forbidden"
    ] == [("job-1", "wiki.corp.test", 80, [WIKI])]
    assert the.session.denied == 3  # Chromium's own business is not the page's.
