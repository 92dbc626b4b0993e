"""What ffprobe says on stderr, in the farm's words. Pure: text in, error out.

Its text names paths and addresses, so none of it reaches a caller.
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
    MediaUnsupported,
    TlsError,
)

_NOT_ON_LIST = re.compile(r"\[(?P<format>[a-z0-9_,]+) @ [^\]]*\] Format not on whitelist")
_HTTP_STATUS = re.compile(r"Server returned (?P<status>[45][0-9X]{2})|HTTP error (?P<code>\d{3})")
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
    ("not on whitelist", MediaUnsupported("The file asks for a protocol we refuse.")),
    ("Cannot allocate memory", MediaUnsupported("The file asks for more memory than it may.")),
)


def translate(stderr: str) -> JobError:
    """Return the error for what ffprobe said before it ended with an error."""
    refused = _NOT_ON_LIST.search(stderr)
    if refused:
        if _PLAYLISTS.intersection(refused["format"].split(",")):
            return MediaPlaylistForbidden("The file is a playlist; give a media file itself.")
        return MediaUnsupported(f"The format {refused['format']} is not one that we open.")
    status = _HTTP_STATUS.search(stderr)
    if status:
        found = status["status"] or status["code"]
        return HttpError(f"The server answered with the HTTP status {found}.")
    for text, error in _BY_TEXT:
        if text in stderr:
            return type(error)(error.message)
    return MediaInvalid("The file is not media, or is damaged beyond reading.")
