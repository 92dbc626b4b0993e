"""The rig itself: what is not seen here would not be seen in the other tests either."""

import socket
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.support.neighbours import BROWSERS
from tests.support.rig_browsers import opened
from tests.support.rig_farm import FILE_TEXT, colours
from tests.support.rig_session import (
    CONNECTIONS,
    DATAGRAMS,
    INSIDE,
    LOOKED_UP,
    PUBLIC_ADDRESS,
    Rig,
)
from tests.support.waiting import until


def addresses_of(name: str) -> set[str]:
    found = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
    return {str(address[0]) for *_, address in found}


@pytest.mark.parametrize("browser", BROWSERS)
def test_a_bare_browser_goes_wherever_a_page_sends_it(
    rig: Rig, playwright: Playwright, browser: str
) -> None:
    watch = rig.watch()
    with opened(playwright, browser) as page:
        page.goto("http://public.test/vectors.html")
        until(lambda: watch.sent() >= CONNECTIONS | DATAGRAMS, "it sends all of it")
        until(lambda: watch.asked() >= LOOKED_UP, "it looks the names up")
        # What belongs to a page Chromium stops by itself by now, if only once it is connected.
        until(lambda: "/v/popup.html" in watch.paths(), "the popup is loaded")
    assert watch.asked_by_browsers() & LOOKED_UP
    assert any(hit.owner.startswith("chrom") for hit in watch.hits() if hit.address == INSIDE)
    assert watch.leaks_so_far() >= CONNECTIONS | DATAGRAMS


@pytest.mark.parametrize("browser", BROWSERS)
def test_a_bare_browser_speaks_quic_with_whom_a_page_names(
    rig: Rig, playwright: Playwright, browser: str
) -> None:
    watch = rig.watch()
    wanted = {f"udp {each}:4433" for each in (INSIDE, "127.0.0.1", PUBLIC_ADDRESS)}
    with opened(playwright, browser) as page:
        page.goto("https://inside.test/transport.html")
        until(lambda: watch.leaks_so_far() >= wanted, "it sends all of it")


def test_a_local_file_in_a_frame_would_show_in_a_picture(
    playwright: Playwright, tmp_path: Path
) -> None:
    assert FILE_TEXT in Path("/etc/passwd").read_text()
    file = tmp_path / "page.html"
    file.write_text("<!doctype html><iframe style=border:0 src=file:///etc/passwd></iframe>")
    with opened(playwright, BROWSERS[0]) as page:
        page.goto(file.as_uri())
        assert colours(page.screenshot()) > 1


def test_every_address_is_reached_at_itself(rig: Rig) -> None:
    watch = rig.watch()
    addresses = ["169.254.169.254", INSIDE, PUBLIC_ADDRESS, "127.0.0.9", "::1", "fd00:ec2::254"]
    for address in addresses:
        socket.create_connection((address, 80), timeout=5).close()
    until(lambda: len(watch.hits()) == len(addresses), "all of it is noted")
    assert {hit.address for hit in watch.hits()} == set(addresses)
    # A public one is no leak.
    assert len(watch.leaks()) == len(addresses) - 1


def test_the_name_server_tells_the_truth_lies_and_nothing(rig: Rig) -> None:
    watch = rig.watch()
    assert addresses_of("public.test") == {PUBLIC_ADDRESS}
    assert addresses_of("mixed.test") == {PUBLIC_ADDRESS, INSIDE}
    assert addresses_of("mixed6.test") == {PUBLIC_ADDRESS, "fd00:ec2::254"}
    answers = [addresses_of("once.rebind.test") for _ in range(3)]
    assert answers == [{PUBLIC_ADDRESS}, {INSIDE}, {PUBLIC_ADDRESS}]
    with pytest.raises(socket.gaierror):
        addresses_of("nowhere.test")
    assert watch.asked() >= {"public.test", "once.rebind.test", "nowhere.test"}
    assert watch.asked_by_browsers() == set()
    assert watch.leaks() == set()
