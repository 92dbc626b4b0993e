"""Ways out of a page that know nothing of HTTP, tried in a job with either browser."""

from tests.support.rig_farm import RigFarm
from tests.support.rig_session import Rig


def test_30_the_page_with_every_way_out_is_had_and_nothing_leaves(rig: Rig, farm: RigFarm) -> None:
    watch = rig.watch()
    ended = farm.capture("http://public.test/vectors.html", wait_for_timeout=2000)
    assert ended.report["title"] == "Every way out"
    assert ended.report["blocked_requests"] >= 40
    assert ended.told() == []
    assert watch.leaks() == set()
    assert {hit.host for hit in watch.hits()} <= {"public.test", "redirect.test"}


def test_34_webrtc_sends_nothing_and_asks_for_no_name(rig: Rig, farm: RigFarm) -> None:
    watch = rig.watch()
    ended = farm.capture("http://public.test/webrtc.html", wait_for_timeout=1500)
    assert ended.report["title"] == "WebRTC"
    assert not any(name.endswith("leak.test") for name in watch.asked())
    assert watch.leaks() == set()


def test_35_webtransport_and_quic_send_nothing(rig: Rig, farm: RigFarm) -> None:
    watch = rig.watch()
    url = "https://public.test/transport.html"
    ended = farm.capture(url, ignore_https_errors=True, wait_for_timeout=1500)
    # Without a WebTransport at all the page says so in its title.
    assert str(ended.report["title"]).startswith(("Over QUIC", "ReferenceError", "TypeError"))
    assert watch.leaks() == set()
