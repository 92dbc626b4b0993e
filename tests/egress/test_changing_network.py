"""The network of this machine changes while a page is on its way."""

from farm.jobs.models import ALL_ZONES
from tests.support.rig_farm import RigFarm
from tests.support.rig_namespace import another_address
from tests.support.rig_session import PUBLIC_ADDRESS, Rig
from tests.support.waiting import until


def test_a_page_that_the_browser_drops_as_the_network_changes_is_asked_for_again(
    rig: Rig, farm: RigFarm
) -> None:
    rig.origins.put("public.test/slow.html", "<title>Came</title>")
    watch = rig.watch()

    def connected() -> int:
        return [str(each) for each in watch.packets()].count(f"tcp {PUBLIC_ADDRESS}:443")

    # Chromium drops what waits for its connection; a tunnel does until the handshake is over.
    rig.origins.is_open.clear()
    url = "https://public.test/slow.html"
    job = farm.submit(ALL_ZONES, {"kind": "content", "url": url, "ignore_https_errors": True})
    try:
        until(lambda: connected() == 1, "the gate goes for the page")
        with another_address():
            until(lambda: connected() >= 2, "it does so again")
    finally:
        rig.origins.is_open.set()
    ended = farm.ended(job)
    assert ended.report["title"] == "Came"
    assert ended.report["http_status"] == 200
    assert ended.job.attempt == 1
