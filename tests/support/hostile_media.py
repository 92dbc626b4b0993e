"""What an attacker would leave as a media file."""

import struct
import zlib
from collections.abc import Mapping


def playlist(target: str) -> bytes:
    """Return an HLS playlist of one segment."""
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n".encode()


def live_playlist(target: str) -> bytes:
    """Return an HLS playlist that never says that it is complete."""
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n".encode()


def master_playlist(target: str) -> bytes:
    """Return an HLS playlist of other playlists."""
    return f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=mp4a.40.2\n{target}\n".encode()


def dash(target: str) -> bytes:
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
        ' mediaPresentationDuration="PT9S" profiles="urn:mpeg:dash:profile:isoff-main:2011">'
        '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
        f"<BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    ).encode()


def sdp(port: int) -> bytes:
    return (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    ).encode()


def concat(target: str) -> bytes:
    return f"ffconcat version 1.0\nfile '{target}'\n".encode()


def playlists(target: str) -> Mapping[str, bytes]:
    """Return a playlist of each sort that leads to ``target``, by the sort's name."""
    return {
        "hls": playlist(target),
        "hls-live": live_playlist(target),
        "hls-master": master_playlist(target),
        "dash": dash(target),
        "concat": concat(target),
    }


def png(width: int, height: int) -> bytes:
    """Return a picture of that size, which is a few KB however large."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checked = name + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    rows = zlib.compressobj(9)
    row = bytes(1 + width * 3)
    pixels = b"".join(rows.compress(row) for _ in range(min(height, 50))) + rows.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_absurd_sizes(mp4: bytes) -> bytes:
    """Return ``mp4`` with tables of samples that claim to have four thousand million entries."""
    for table in (b"stsz", b"stts", b"stsc", b"stco"):
        before, name, after = mp4.partition(table)
        # Version and flags, then in stsz the common size, then the count.
        at = 8 if table == b"stsz" else 4
        mp4 = before + name + after[:at] + b"\xff\xff\xff\xff" + after[at + 4 :]
    return mp4
