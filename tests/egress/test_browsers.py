"""Bare browsers behind the gate, and which switches they need to stay there."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Error, Playwright

from tasks.egress.client import Gate
from tasks.egress.keeper import Keeper
from tests.support.neighbours import BROWSERS
from tests.support.rig_browsers import (
    FULL_WEBRTC,
    NO_NAMES,
    SHELL_WEBRTC,
    SWITCHES,
    behind,
)
from tests.support.rig_session import DATAGRAMS, PUBLIC_ADDRESS, Rig
from tests.support.waiting import until

VECTORS = "http://public.test/vectors.html"
WAYS = 60
"""At least so many requests of that page are refused."""


@pytest.fixture(scope="module")
def gate(rig: Rig) -> Iterator[Gate]:
    del rig
    keeper = Keeper()
    keeper.start()
    running = Gate(keeper.control)
    yield running
    running.close()
    keeper.stop()


@pytest.mark.parametrize("browser", BROWSERS)
def test_every_way_out_of_a_page_ends_at_the_gate(
    rig: Rig, gate: Gate, playwright: Playwright, browser: str
) -> None:
    watch = rig.watch()
    with behind(gate, playwright, browser, VECTORS) as (page, session):
        page.goto(VECTORS)
        until(lambda: session.denied >= WAYS, "all of it is refused")
        assert watch.leaks(rest_s=1) == set()
        assert session.refusal("10.0.0.5", 80) == "target_forbidden"
    assert {hit.host for hit in watch.hits()} == {"public.test", "redirect.test"}
    assert {"/worker.js", "/shared.js", "/side-doors.js"} <= watch.paths()


@pytest.mark.parametrize("browser", BROWSERS)
def test_a_page_behind_tls_finds_no_other_way(
    rig: Rig, gate: Gate, playwright: Playwright, browser: str
) -> None:
    url = "https://public.test/transport.html"
    watch = rig.watch()
    with behind(gate, playwright, browser, url) as (page, session):
        page.goto(url)
        until(lambda: session.denied >= 2, "its sockets are refused")
        assert page.title() == "Over QUIC"
        assert watch.leaks(rest_s=1) == set()


@pytest.mark.parametrize(
    ("browser", "left_out", "leaks"),
    [
        (BROWSERS[0], SHELL_WEBRTC, DATAGRAMS),
        (BROWSERS[0], NO_NAMES, {"browser asks for ice.leak.test"}),
        (BROWSERS[1], FULL_WEBRTC, DATAGRAMS),
        (BROWSERS[1], NO_NAMES, {"browser asks for ice.leak.test"}),
    ],
    ids=["shell-udp", "shell-names", "full-udp", "full-names"],
)
def test_without_its_switch_a_browser_finds_a_way_around(
    rig: Rig, gate: Gate, playwright: Playwright, browser: str, left_out: str, leaks: set[str]
) -> None:
    watch = rig.watch()
    switches = [each for each in SWITCHES if each != left_out]
    with behind(gate, playwright, browser, VECTORS, switches) as (page, _):
        page.goto("http://public.test/webrtc.html")
        until(lambda: watch.leaks_so_far() >= leaks, "it leaks")


@pytest.mark.parametrize("host", ["mixed.test", "mixed6.test", "inside.test", "nowhere.test"])
def test_37_a_name_with_any_address_inside_is_not_connected_to(
    rig: Rig, gate: Gate, playwright: Playwright, host: str
) -> None:
    url = f"https://{host}/"
    watch = rig.watch()
    with behind(gate, playwright, BROWSERS[0], url) as (page, session):
        with pytest.raises(Error):
            page.goto(url)
        refusal = "dns_error" if host == "nowhere.test" else "target_forbidden"
        assert session.refusal(host, 443) == refusal
    assert watch.leaks() == set()
    assert watch.hits() == ()


def test_36_a_name_that_changes_its_address_leads_nowhere_but_where_it_was_looked_at(
    rig: Rig, gate: Gate, playwright: Playwright
) -> None:
    """Every second answer of the name server is an address inside."""
    watch = rig.watch()
    for number in range(2):
        url = f"http://g{number}.rebind.test/blank"
        with behind(gate, playwright, BROWSERS[0], url) as (page, _):
            for _ in range(4):
                page.goto(url)
    assert {hit.address for hit in watch.hits()} == {PUBLIC_ADDRESS}
    assert watch.leaks() == set()
