"""Stills of videos, and the sheet of them."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from tasks.outcome import Outcome
from tests.support.media_files import make, make_media_files, turned
from tests.support.neighbours import need
from tests.support.probing import artifact, error_of_upload, probe, probe_upload, said, summary
from tests.support.site import Site, serving

RED, GREEN, BLUE = (255, 0, 0), (0, 128, 0), (0, 0, 255)
SHEET = "contact-sheet.webp"


def colour(name: str, size: str = "160x90", seconds: float = 1) -> str:
    return f"-f lavfi -i color={name}:size={size}:rate=10:duration={seconds}"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("ffprobe")
    return make_media_files(tmp_path_factory.getbasetemp() / "media-files")


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``seconds.mp4``: one red, one green, one blue; and others of colours."""
    folder = tmp_path_factory.mktemp("coloured")
    inputs = " ".join(map(colour, ("red", "green", "blue")))
    encode = "-c:v libx264 -pix_fmt yuv420p -colorspace bt470bg"
    make(folder, "seconds.mp4", f"{inputs} -filter_complex concat=n=3 {encode}")
    halves = f"{colour('red', '80x90')} {colour('blue', '80x90')} -filter_complex hstack"
    flat = make(folder, "halves.mp4", f"{halves} {encode}")
    (folder / "turned.mp4").write_bytes(turned(flat.read_bytes(), 90))
    make(folder, "narrow.mp4", f"{colour('red', '16x400')} {encode}")
    make(folder, "flat.mp4", f"{colour('red', '4000x2')} -t 0.2 {encode}")
    return folder


@pytest.fixture(scope="module")
def shelf(coloured: Path) -> Iterator[Site]:
    with serving(coloured) as running:
        yield running


def stills(file: Path, **thumbnails: Any) -> Outcome:
    return probe_upload(file, thumbnails=thumbnails)


def names(outcome: Outcome) -> list[str]:
    return [each.name for each in outcome.made]


def opened(outcome: Outcome, name: str = "still-001.webp") -> Image.Image:
    picture = Image.open(BytesIO(artifact(outcome, name)))
    assert picture.format == "WEBP"
    return picture.convert("RGB")


def is_near(pixel: object, expected: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(one - other) < 24 for one, other in zip(pixel, expected, strict=True))


def middle(picture: Image.Image) -> object:
    return picture.getpixel((picture.width // 2, picture.height // 2))


@pytest.mark.parametrize("wanted", [{"at": [0.5, 1.5, 2.5]}, {"count": 3}], ids=str)
def test_stills_are_of_the_times_that_were_asked_for(coloured: Path, wanted: Any) -> None:
    found = stills(coloured / "seconds.mp4", **wanted)
    assert names(found) == [
        "probe.json",
        *(f"still-{number:03}.webp" for number in (1, 2, 3)),
    ]
    for name, expected in zip(names(found)[1:], (RED, GREEN, BLUE), strict=True):
        assert opened(found, name).size == (320, 180)
        assert is_near(middle(opened(found, name)), expected)
    assert {each.media_type for each in found.made[1:]} == {"image/webp"}


def test_a_still_is_as_wide_as_was_asked_for(coloured: Path) -> None:
    assert opened(stills(coloured / "seconds.mp4", count=1, width=64)).size == (64, 36)
    assert opened(stills(coloured / "seconds.mp4", count=1, width=1920)).size == (1920, 1080)


def test_a_contact_sheet_has_the_stills_in_rows_and_padding_around_each(coloured: Path) -> None:
    found = stills(
        coloured / "seconds.mp4", count=3, columns=2, width=160, padding=10, timestamps=False
    )
    assert names(found)[-1] == SHEET
    sheet = opened(found, SHEET)
    assert sheet.size == (10 + 2 * 170, 10 + 2 * 100)
    for place, expected in {(90, 55): RED, (260, 55): GREEN, (90, 155): BLUE}.items():
        assert is_near(sheet.getpixel(place), expected)
    for place in ((3, 3), (175, 50), (90, 105), (260, 155)):
        assert is_near(sheet.getpixel(place), (32, 32, 32))


def test_a_contact_sheet_has_no_more_columns_than_stills_and_no_padding_if_asked(
    coloured: Path,
) -> None:
    found = stills(coloured / "seconds.mp4", count=3, columns=6, width=160, padding=0)
    assert opened(found, SHEET).size == (480, 90)


def test_there_is_no_contact_sheet_unless_asked_for(coloured: Path) -> None:
    assert SHEET not in names(stills(coloured / "seconds.mp4", count=2))


def test_times_are_written_on_the_sheet_and_never_on_a_still(coloured: Path) -> None:
    with_times, without = (
        stills(coloured / "seconds.mp4", at=[1.5], columns=1, padding=0, timestamps=on)
        for on in (True, False)
    )
    changed = ImageChops.difference(opened(with_times, SHEET), opened(without, SHEET)).convert("L")
    box = changed.point(lambda value: 255 if value > 60 else 0).getbbox()
    assert box is not None
    assert box[0] < 10
    assert box[1] < 12
    assert box[2] < 120
    assert box[3] < 45
    assert artifact(with_times, "still-001.webp") == artifact(without, "still-001.webp")


def test_a_sheet_that_would_be_too_large_is_of_smaller_stills(coloured: Path) -> None:
    found = stills(
        coloured / "narrow.mp4", at=[0, 0.1, 0.2, 0.3, 0.4], columns=1, width=200, padding=8
    )
    assert opened(found, "still-005.webp").size == (200, 4096)
    width, height = opened(found, SHEET).size
    assert 16_000 < height <= 16_383
    assert width < 216


def test_a_flat_video_has_a_still_of_at_least_a_line(coloured: Path) -> None:
    assert opened(stills(coloured / "flat.mp4", count=1, width=64)).size == (64, 1)


def test_a_time_past_the_end_is_warned_of(coloured: Path) -> None:
    found = stills(coloured / "seconds.mp4", at=[0.5, 99], columns=2)
    assert names(found) == ["probe.json", "still-001.webp", SHEET]
    assert found.warnings == ["There is no picture at 99 s."]
    nothing = stills(coloured / "seconds.mp4", at=[99], columns=2)
    assert names(nothing) == ["probe.json"]


@pytest.mark.parametrize("name", ["pcm.wav", "cover.mp3", "cover.m4a", "cover.flac"])
def test_sound_has_no_stills_even_with_a_cover(files: Path, name: str) -> None:
    error = error_of_upload(files / name, thumbnails={"count": 1})
    assert error.code == "media_unsupported"


def test_of_a_film_with_a_cover_the_film_is_taken(files: Path) -> None:
    found = stills(files / "cover.mp4", at=[0, 0.9])
    one, two = (opened(found, name) for name in ("still-001.webp", "still-002.webp"))
    assert ImageChops.difference(one, two).getbbox() is not None


def test_a_still_of_a_turned_video_is_upright(coloured: Path) -> None:
    flat, turned_right = (
        opened(stills(coloured / name, count=1, width=90)) for name in ("halves.mp4", "turned.mp4")
    )
    assert turned_right.size == (90, 160)
    assert is_near(flat.getpixel((15, 25)), RED)
    assert is_near(flat.getpixel((75, 25)), BLUE)
    assert is_near(turned_right.getpixel((45, 30)), RED)
    assert is_near(turned_right.getpixel((45, 130)), BLUE)


def test_a_still_has_the_shape_in_which_the_video_is_shown(files: Path) -> None:
    assert opened(stills(files / "anamorphic.mkv", count=1)).size == (320, 135)


@pytest.mark.parametrize(
    "name", ["still.png", "still.jpg", "still.webp", "still.avif", "moving.gif", "hdr10.mp4"]
)
def test_pictures_and_deep_videos_have_a_still(files: Path, name: str) -> None:
    assert opened(stills(files / name, count=1)).size == (320, 180)


def test_without_a_length_times_must_be_named(files: Path) -> None:
    error = error_of_upload(files / "raw.h264", thumbnails={"count": 3})
    assert error.code == "media_unsupported"
    assert "name times" in error.message
    assert opened(stills(files / "raw.h264", at=[0])).size == (320, 180)


@pytest.mark.parametrize("time_s", [0.99, 1.0])
def test_the_last_picture_lasts_to_the_end(files: Path, time_s: float) -> None:
    found = stills(files / "h264-aac.mp4", at=[time_s])
    assert names(found) == ["probe.json", "still-001.webp"]
    assert opened(found).size == (320, 180)


def test_stills_that_are_not_there_are_none_and_not_a_few_bytes(files: Path) -> None:
    found = stills(files / "raw.h264", at=[0, 0.5])
    assert names(found) == ["probe.json", "still-001.webp"]
    assert found.warnings == ["There is no picture at 0.5 s."]


@pytest.mark.parametrize(
    "fields",
    [
        {"sections": ["chapters"]},
        {"show_entries": "format=size"},
        {"select_streams": "a:0"},
        {"sections": ["packets"], "read_intervals": "%+#2"},
    ],
    ids=str,
)
def test_stills_do_not_depend_on_what_is_reported(files: Path, fields: dict[str, Any]) -> None:
    file = files / "h264-aac.mp4"
    found = probe_upload(file, thumbnails={"count": 2}, **fields)
    assert names(found) == ["probe.json", "still-001.webp", "still-002.webp"]
    assert said(found) == said(probe_upload(file, **fields))


@pytest.mark.parametrize("headers", [None, {"X-Secret": "hunter2"}], ids=str)
def test_stills_are_taken_of_a_url_too(shelf: Site, headers: dict[str, str] | None) -> None:
    path = f"/seconds.mp4?{headers is not None}"
    found = probe(url=shelf.url(path), headers=headers, thumbnails={"at": [2.5]})
    assert is_near(middle(opened(found)), BLUE)
    assert summary(found)["duration"] == pytest.approx(3)
    assert shelf.headers(path).get("x-secret") == (headers or {}).get("X-Secret")


def test_stills_are_taken_of_where_a_url_leads_to(shelf: Site) -> None:
    found = probe(url=shelf.url("/redirect?to=/seconds.mp4"), thumbnails={"count": 1})
    assert is_near(middle(opened(found)), GREEN)
