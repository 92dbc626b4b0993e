"""Media of the corpus that lead ffprobe to where it must not go."""

from typing import Any

import pytest

from tests.support.rig_farm import RigFarm
from tests.support.rig_session import INSIDE, METADATA, PUBLIC_ADDRESS, Rig

INSIDE_CLIP = f"http://{INSIDE}/v/clip.mp4"

M3U8 = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{INSIDE_CLIP}\n#EXT-X-ENDLIST\n"
MASTER = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\ntcp://{INSIDE}:8088/\n"
TO_PROXY = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttpproxy://{INSIDE}:6379/a.ts\n"
FILES = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
MPD = f"""<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT10S"
 profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">
<Representation id="1" bandwidth="1"><BaseURL>{INSIDE_CLIP}</BaseURL></Representation>
</AdaptationSet></Period></MPD>
"""
SDP = f"v=0\no=- 0 0 IN IP4 {INSIDE}\ns=a\nc=IN IP4 {INSIDE}\nt=0 0\nm=video 5004 RTP/AVP 96\n"
CONCAT = f"ffconcat version 1.0\nfile {INSIDE_CLIP}\nfile a.mp4\n"


PLAYLISTS = {
    "list.m3u8": M3U8,
    "renamed.mp4": M3U8,
    "master.m3u8": MASTER,
    "proxy.m3u8": TO_PROXY,
    "files.m3u8": FILES,
    "list.mpd": MPD,
    "list.sdp": SDP,
    "list.ffconcat": CONCAT,
}
FIELDS = {
    "plain": {},
    "with-headers": {"headers": {"X-A": "b"}},
    "with-stills": {"thumbnails": {"count": 1}},
}
"""With headers or stills the farm itself goes ahead of ffprobe."""


@pytest.mark.parametrize("name", PLAYLISTS)
def test_63_a_playlist_leads_nowhere(rig: Rig, farm: RigFarm, name: str) -> None:
    url = rig.origins.put(f"public.test/{name}", PLAYLISTS[name])
    watch = rig.watch()
    ended = farm.probe(url)
    assert ended.code.startswith("media_"), ended.message
    assert ended.told(INSIDE) == []
    assert watch.paths() == {f"/{name}"}
    assert watch.leaks() == set()


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
@pytest.mark.parametrize("target", [INSIDE_CLIP, f"http://{METADATA}/", "http://localhost:8088/"])
def test_65_a_redirect_to_the_inside_is_forbidden(
    rig: Rig, farm: RigFarm, target: str, fields: dict[str, Any]
) -> None:
    second = rig.origins.redirect("other.test/65.mp4", target)
    first = rig.origins.redirect("public.test/65.mp4", second)
    watch = rig.watch()
    ended = farm.probe(first, **fields)
    assert ended.code == "target_forbidden", ended.message
    assert ended.told(INSIDE, METADATA) == []
    assert {hit.host for hit in watch.hits()} == {"public.test", "other.test"}
    assert watch.leaks() == set()


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
def test_111_media_at_a_name_that_changes_its_address_is_not_had_from_the_inside(
    rig: Rig, farm: RigFarm, fields: dict[str, Any]
) -> None:
    for number in range(4):
        watch = rig.watch()
        ended = farm.probe(f"http://m{number}.{len(str(fields))}.rebind.test/clip.mp4", **fields)
        assert ended.code != "succeeded"
        assert {hit.address for hit in watch.hits()} <= {PUBLIC_ADDRESS}
        assert watch.leaks() == set()
