"""Where the media is, as arguments for ffprobe and ffmpeg."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from farm.jobs.errors import ArtifactEvicted, MediaInvalid
from farm.jobs.ports import ArtifactStore
from farm.jobs.specs.media import ProbeSpec
from farm.jobs.uploads import UPLOAD_NAME
from tasks.deadline import Deadline
from tasks.media.redirects import Way, follow

FORMATS = (
    "mov,matroska,webm,mpegts,mpeg,mpegvideo,avi,flv,asf,ogg,wav,w64,caf,mp3,flac,aac,aiff,amr,"
    "ac3,eac3,dts,dtshd,truehd,mlp,loas,wv,tta,ape,tak,mpc,mpc8,dsf,iff,au,voc,mxf,gxf,dv,ivf,nut,"
    "rm,wtv,h264,hevc,obu,m4v,vc1,mjpeg,yuv4mpegpipe,gif,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,"
    "tiff_pipe,jpegxl_pipe,j2k_pipe"
)
"""Containers that are one file. Playlists are not among them: they open other addresses,
around any rule about addresses."""

_SILENCE_MAX_US = 10_000_000
"""Microseconds without a byte from a server after which it is given up."""
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_FILE = "input"
_AGENT = "Lavf"
"""Who FFmpeg says it is, but for its version."""
_LIKE_A_SERIES = re.compile(r"[%*?][^#]*\.[A-Za-z0-9]+$")
"""What FFmpeg may take for the name of a series of pictures: `my%20dog.png`, `?name=a.png`.
With an empty fragment, which it does not send, it reads what the server answers."""


def source_arguments(
    spec: ProbeSpec, uploads: ArtifactStore, proxy: str, cwd: Path, deadline: Deadline
) -> Sequence[str]:
    """Return the input's arguments, its name last; an upload is placed in ``cwd`` for it.

    What is not an upload is reached through ``proxy``.

    Raises:
        MediaInvalid: The upload is gone.
        TargetError: The way to the file cannot be found, where it is gone here.
    """
    formats = ("-format_whitelist", FORMATS)
    if spec.url is not None:
        return (*formats, *_url_arguments(spec, spec.url, proxy, deadline))
    try:
        uploads.place(spec.upload_id or "", UPLOAD_NAME, cwd / _FILE)
    except ArtifactEvicted as error:
        raise MediaInvalid("The upload is no longer kept; leave the file again.") from error
    return (*formats, "-protocol_whitelist", "file", "-i", f"file:{_FILE}")


def _url_arguments(spec: ProbeSpec, url: str, proxy: str, deadline: Deadline) -> Sequence[str]:
    headers: Mapping[str, str] = spec.headers or {}
    arguments = [
        # Of an error status the exact number is a warning only.
        *("-v", "warning"),
        *("-http_proxy", proxy),
        # What http and https stand on, and https behind a proxy.
        *("-protocol_whitelist", "http,https,tcp,tls,httpproxy"),
        *("-rw_timeout", str(_SILENCE_MAX_US)),
    ]
    # FFmpeg sends headers along to wherever it is redirected. And ffmpeg, unlike ffprobe,
    # takes no options for TLS that it has no use for, as when http leads to http.
    goes_ahead = bool(headers or spec.thumbnails)
    if goes_ahead:
        way = Way(proxy, spec.user_agent or _AGENT, _SILENCE_MAX_US / 1e6)
        url, headers = follow(url, headers, way, deadline)
        arguments += ("-max_redirects", "0")
    if url.startswith("https:") or not goes_ahead:
        # FFmpeg does not check certificates unless told to.
        arguments += ("-tls_verify", "1", "-ca_file", str(_CERTIFICATES))
    if spec.user_agent is not None:
        arguments += ("-user_agent", spec.user_agent)
    if headers:
        arguments += ("-headers", "".join(f"{name}: {headers[name]}\r\n" for name in headers))
    return (*arguments, "-i", f"{url}#" if _LIKE_A_SERIES.search(url) else url)
