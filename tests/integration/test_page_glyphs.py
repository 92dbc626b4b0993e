"""The writing systems of the world have their signs, and not the box for what is missing."""

from collections.abc import Sequence

import pytest
from PIL import Image

from tasks.pages.browser import BrowserHolder
from tests.support.pages import WHITE, picture, shoot
from tests.support.site import Site

CELL_PX = 100
# Nobody will ever give these a meaning: a noncharacter, and a gap among the Greek letters.
UNASSIGNED = ("\U0010fffe", "\u0378")
SIGNS = {
    "latin": "aghßŁőň",
    "greek": "αβγΩέ",
    "cyrillic": "жяфЩї",
    "han": "漢字中國人门",
    "kana": "かなカナをヴ",
    "hangul": "한글조선말",
    "arabic": "مرحبكهع",
    "hebrew": "שלוםאבג",
    "devanagari": "नमसतेकअ",
    "thai": "สวดทกฏฬ",
    "emoji": "😀🚀🌍❤🧑👍",
    "symbols": "€→✓½™♫",
}


def ink(image: Image.Image) -> bytes | None:
    """Return what is drawn, cut out and as it is, or ``None`` of an empty cell."""
    drawn = image.convert("L").point(lambda light: 255 if light < 200 else 0)
    box = drawn.getbbox()
    return None if box is None else image.crop(box).tobytes()


def drawn(browser: BrowserHolder, texts: Sequence[str], style: str = "") -> list[Image.Image]:
    cells = "".join(
        f"<div style='left: {CELL_PX * i}px'>{text}</div>" for i, text in enumerate(texts)
    )
    html = f"""<!doctype html><style>div {{ position: absolute; top: 0; width: {CELL_PX}px;
        height: {CELL_PX}px; font: 48px/{CELL_PX}px sans-serif; text-align: center; {style} }}
        </style>{cells}"""
    image = picture(shoot(browser, html=html, viewport={"width": 1280, "height": CELL_PX}))
    return [image.crop((CELL_PX * i, 0, CELL_PX * (i + 1), CELL_PX)) for i in range(len(texts))]


@pytest.mark.parametrize("script", list(SIGNS))
@pytest.mark.parametrize("family", ["sans-serif", "serif"])
def test_each_sign_has_a_shape_of_its_own(browser: BrowserHolder, script: str, family: str) -> None:
    signs = SIGNS[script]
    shapes = [ink(each) for each in drawn(browser, [*UNASSIGNED, *signs], f"font-family: {family}")]
    missing, found = shapes[: len(UNASSIGNED)], shapes[len(UNASSIGNED) :]
    assert None not in found
    assert not set(found) & set(missing)
    assert len(set(found)) == len(signs)


def test_emoji_have_colours(browser: BrowserHolder) -> None:
    for image in drawn(browser, SIGNS["emoji"][:3]):
        saturation = image.convert("HSV").getchannel("S").tobytes()
        assert max(saturation) > 128


def test_letters_are_joined_where_they_are_to_be(browser: BrowserHolder) -> None:
    apart = "\u200c"  # a non-joiner between them
    pairs = {
        "arabic": ("بب", f"ب{apart}ب"),
        "devanagari": ("क्ष", f"क्{apart}ष"),
        "emoji": ("👩‍🚀", "👩🚀"),
    }
    for joined, single in pairs.values():
        one, other = drawn(browser, [joined, single])
        assert ink(one) != ink(other)


def test_what_runs_from_right_to_left_does(browser: BrowserHolder) -> None:
    for first, second in ("של", "ab"):
        text = f"<span style='color: #f00'>{first}</span><span style='color: #00f'>{second}</span>"
        (image,) = drawn(browser, [text])
        red, _, blue = image.split()
        # Where ink of a colour is, the other one's channel is dark.
        places = [
            box[0]
            for channel in (blue, red)
            if (box := channel.point(lambda light: 255 if light < 100 else 0).getbbox())
        ]
        assert (places[0] > places[1]) is (first == "ש")


def test_a_page_in_many_scripts_has_ink_in_each_of_its_boxes(
    browser: BrowserHolder, site: Site
) -> None:
    image = picture(shoot(browser, site.url("/scripts"), viewport={"width": 500, "height": 960}))
    boxes = [image.crop((0, 120 * i, 500, 120 * i + 100)) for i in range(8)]
    assert len({ink(each) for each in boxes}) == 8
    assert image.getpixel((499, 110)) == WHITE
