"""What ffprobe and ffmpeg say on stderr, in the farm's words.

Their text names paths, addresses and hosts: of those nothing reaches a caller.
"""

import re
from collections.abc import Sequence

from farm.jobs.errors import (
    ConnectionFailed,
    DnsError,
    HttpError,
    JobError,
    MediaInvalid,
    MediaPlaylistForbidden,
    MediaTooLarge,
    MediaUnsupported,
    TlsError,
    TooManyRedirects,
)

_NOT_ON_LIST = re.compile(r"\[(?P<format>[a-z0-9_,]+) @ [^\]]*\] Format not on whitelist")
# The exact status is only in the first of them, which is a warning.
_HTTP_STATUS = re.compile(r"HTTP error ([1-9]\d{2})|Server returned ([45][0-9X]{2})")
_PLAYLISTS = frozenset({"hls", "applehttp", "dash", "concat", "sdp", "rtsp", "imf"})

# The first that is found decides; ffprobe often adds a general line after the exact one.
_BY_TEXT: Sequence[tuple[str, JobError]] = (
    ("Failed to resolve hostname", DnsError("The host name does not resolve.")),
    ("Connection refused", ConnectionFailed("The host refused the connection.")),
    ("Connection reset", ConnectionFailed("The host reset the connection.")),
    ("Connection timed out", ConnectionFailed("The host did not answer.")),
    ("No route to host", ConnectionFailed("The host cannot be reached.")),
    ("Network is unreachable", ConnectionFailed("The host cannot be reached.")),
    ("certificate", TlsError("The server's certificate is not acceptable.")),
    ("TLS", TlsError("The server's TLS is not acceptable.")),
    ("Too many redirects", TooManyRedirects("The server redirects too often.")),
    ("not on whitelist", MediaUnsupported("The file asks for a protocol we refuse.")),
    ("Cannot allocate memory", MediaTooLarge("The file asks for more memory than it may have.")),
    ("get_buffer() failed", MediaTooLarge("The file asks for more memory than it may have.")),
    ("Error while filtering", MediaUnsupported("The picture cannot be converted.")),
)

_PREFIX = re.compile(r"^(?:\[[^\]]*\]\s*)+")
_REVEALING = re.compile(
    r"""\S*(?:[/\\@%]|0x[0-9a-f]|[0-9]+\.[0-9]+\.[0-9]+|[a-z0-9-]\.[a-z]{2}|:\S)\S*""",
    re.IGNORECASE | re.VERBOSE,
)
_NOT_OF_THE_FILE = re.compile(r"Option \S+ skipped")
"""FFmpeg's remark that an option was for the protocol alone."""
_DETAIL_MAX_CHARACTERS = 200


def translate(stderr: str) -> JobError:
    """Return the error for what the tool said before it ended with an error."""
    refused = _NOT_ON_LIST.search(stderr)
    if refused:
        if _PLAYLISTS.intersection(refused["format"].split(",")):
            return MediaPlaylistForbidden("The file is a playlist; give a media file itself.")
        return MediaUnsupported(f"The format {refused['format']} is not one that we open.")
    status = _HTTP_STATUS.search(stderr)
    if status:
        found = status[1] or status[2]
        return HttpError(f"The server answered with the HTTP status {found}.")
    for text, error in _BY_TEXT:
        if text in stderr:
            return type(error)(error.message)
    detail = first_line(stderr)
    said = f" ({detail})" if detail else ""
    return MediaInvalid(f"The file is not media, or is damaged beyond reading.{said}")


def first_line(stderr: str) -> str:
    """Return the first line of ``stderr`` without all that may be a path, an address or a host."""
    for line in stderr.splitlines():
        plain = _PREFIX.sub("", line).replace("Input/output", "Input or output")
        said = " ".join(_REVEALING.sub("", plain).split()).strip(" :'\"")
        if said and not _NOT_OF_THE_FILE.match(line):
            return "".join(each for each in said if each.isprintable())[:_DETAIL_MAX_CHARACTERS]
    return ""
