"""Stills of a video, and a sheet of them."""

import math
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from farm.jobs.errors import MediaUnsupported
from farm.jobs.specs.media import ProbeSpec, Thumbnails
from tasks.deadline import Deadline
from tasks.media.ffmpeg import run_tool
from tasks.media.report import Summary
from tasks.outcome import Made
from tasks.process import Limits

_MEDIA_TYPE = "image/webp"
_QUALITY = 80
_FILE_MAX_BYTES = 16 * 1024 * 1024
_HEIGHT_MAX_PX = 4096
_SHEET_SIDE_MAX_PX = 16_383
"""WebP's own limit."""
_SHEET_MAX_PX = 32_000_000
"""Of the stills on a sheet together: some 100 MB in memory."""
_SHEET_COLOUR = (32, 32, 32)
_STDOUT_MAX_BYTES = 64 * 1024


def stills(
    spec: ProbeSpec, summary: Summary, source: Sequence[str], cwd: Path, deadline: Deadline
) -> tuple[list[Made], list[str]]:
    """Return the stills that ``spec`` asks for, and warnings about those that cannot be.

    Raises:
        MediaUnsupported: There is no video, or its length is not known but needed.
        TargetError: The video cannot be decoded.
        JobTimedOut: The deadline passed.
    """
    wanted = spec.thumbnails
    if wanted is None:
        return [], []
    if summary.video is None:
        raise MediaUnsupported("There is no video to take stills of.")
    made: list[Made] = []
    times: list[float] = []
    warnings: list[str] = []
    for number, time_s in enumerate(_times(wanted, summary), start=1):
        picture = None
        for moment_s in _moments(time_s, summary):
            picture = picture or _still(wanted, moment_s, source, cwd, deadline)
        if picture is None:
            warnings.append(f"There is no picture at {time_s:g} s.")
            continue
        made.append(Made(f"still-{number:03}.webp", _MEDIA_TYPE, picture))
        times.append(time_s)
    if wanted.columns is not None and made:
        made.append(_contact_sheet(wanted, wanted.columns, made, times))
    return made, warnings


def _times(wanted: Thumbnails, summary: Summary) -> Sequence[float]:
    if wanted.at is not None:
        return wanted.at
    duration_s = summary.duration or (summary.video.duration if summary.video else None)
    count = wanted.count or 1
    if not duration_s:
        if count == 1:
            return (0.0,)
        raise MediaUnsupported("The file does not say how long it is; name times instead.")
    # In the middle of each part: the very first and last pictures are often black.
    return [(number + 0.5) * duration_s / count for number in range(count)]


def _moments(time_s: float, summary: Summary) -> Sequence[float]:
    """Return the times to try: FFmpeg takes what begins then or later, a player what lasts."""
    if summary.duration is not None and time_s > summary.duration:
        return ()
    rate = summary.video.avg_frame_rate if summary.video else None
    return (time_s, max(0.0, time_s - 1 / rate)) if rate else (time_s,)


def _still(
    wanted: Thumbnails, time_s: float, source: Sequence[str], cwd: Path, deadline: Deadline
) -> bytes | None:
    file = cwd / "still.webp"
    file.unlink(missing_ok=True)
    # Where the file has no times, any that is asked for, also 0, would skip all of it.
    seek = ("-ss", f"{time_s:.3f}") if time_s else ()
    scale = f"scale=w={wanted.width}:h='clip(ow/dar,1,{_HEIGHT_MAX_PX})'"
    run_tool(
        [
            *("ffmpeg", "-hide_banner", "-v", "error", "-nostdin"),
            *("-threads", "1", *seek, *source),
            *("-map", "0:V:0", "-frames:v", "1", "-vf", scale, "-map_metadata", "-1"),
            *("-c:v", "libwebp", "-quality", str(_QUALITY), "-f", "webp", "-y", file.name),
        ],
        source,
        cwd=cwd,
        deadline=deadline,
        stdout_max_bytes=_STDOUT_MAX_BYTES,
        limits=Limits(cpu_s=max(1, round(deadline.timeout_s)), file_bytes=_FILE_MAX_BYTES),
    )
    content = file.read_bytes() if file.exists() else b""
    # Of no picture FFmpeg makes a few bytes.
    return content if content.startswith(b"RIFF") else None


def _contact_sheet(
    wanted: Thumbnails, columns: int, made: Sequence[Made], times: Sequence[float]
) -> Made:
    sizes = [_opened(each).size for each in made]
    columns = min(columns, len(sizes))
    rows = -(-len(sizes) // columns)
    gap = wanted.padding
    cell = _cell(wanted.width, max(height for _, height in sizes), (columns, rows), gap)
    sheet = Image.new(
        "RGB",
        (columns * (cell[0] + gap) + gap, rows * (cell[1] + gap) + gap),
        _SHEET_COLOUR,
    )
    for number, (each, time_s) in enumerate(zip(made, times, strict=True)):
        row, column = divmod(number, columns)
        place = (gap + column * (cell[0] + gap), gap + row * (cell[1] + gap))
        picture = _opened(each).convert("RGB")
        picture.thumbnail(cell)
        sheet.paste(picture, place)
        if wanted.timestamps:
            _write_time(sheet, time_s, place, cell[0])
    output = BytesIO()
    sheet.save(output, "WEBP", quality=_QUALITY)
    return Made("contact-sheet.webp", _MEDIA_TYPE, output.getvalue())


def _opened(still: Made) -> Image.Image:
    return Image.open(BytesIO(still.content), formats=["WEBP"])


def _cell(width: int, height: int, grid: tuple[int, int], gap: int) -> tuple[int, int]:
    """Return the size of each still on the sheet: smaller where the sheet would be too large."""
    columns, rows = grid
    factor = min(
        1.0,
        ((_SHEET_SIDE_MAX_PX - gap) / rows - gap) / height,
        math.sqrt(_SHEET_MAX_PX / (columns * rows * width * height)),
    )
    return max(1, int(width * factor)), max(1, int(height * factor))


def _write_time(sheet: Image.Image, time_s: float, place: tuple[int, int], width: int) -> None:
    seconds, tenth = divmod(int(time_s * 10), 10)
    text = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}" + (
        f".{tenth}" if tenth else ""
    )
    font = ImageFont.load_default(size=max(12, width // 16))
    draw = ImageDraw.Draw(sheet, "RGBA")
    left, top, right, bottom = draw.textbbox((place[0] + 4, place[1] + 4), text, font=font)
    draw.rectangle((left - 3, top - 3, right + 3, bottom + 3), fill=(0, 0, 0, 160))
    draw.text((place[0] + 4, place[1] + 4), text, font=font, fill=(255, 255, 255))
