"""Names of files, held to the rules of every system at once."""

import ntpath
import posixpath
import unicodedata
from pathlib import PureWindowsPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.client.lists.names import (
    PATH_MAX_BYTES,
    STEM_MAX_BYTES,
    Taken,
    Template,
    fields_of,
    fit,
    is_below,
    of_url,
    path_of,
    split_suffix,
)

FORBIDDEN = set('<>:"/\\|?*') | {chr(code) for code in range(32)}


def is_fit_everywhere(name: str) -> bool:
    """Return whether one part of a path is a plain name by Windows' rules and by all others'."""
    return (
        0 < len(name.encode()) <= 255
        and not PureWindowsPath(name).is_reserved()
        and ntpath.basename(name) == posixpath.basename(name) == name
        and ntpath.splitdrive(name)[0] == ""
        and not FORBIDDEN & set(name)
        and name[-1] not in ". "
        and name[0] != "."
        and unicodedata.is_normalized("NFC", name)
    )


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.com/", "example.com"),
        ("https://example.com:8443/", "example.com-8443"),
        ("https://example.com/a/b.html?x=1&y=2#top", "example.com-a-b.html-x=1-y=2-top"),
        ("https://example.com/%E5%8B%95%E7%94%BB", "example.com-動画"),
        ("https://example.com/%E0%A4%B9%E0%A4%BF", "example.com-हि"),
        ("https://example.com/../../etc/passwd", "example.com-..-..-etc-passwd"),
        ("https://example.com/%2e%2e%2f%00%0a", "example.com"),
        ("http://[::1]:80/", "1-80"),
    ],
)
def test_a_name_tells_the_address(url: str, name: str) -> None:
    assert of_url(url) == name
    assert is_fit_everywhere(of_url(url))


@pytest.mark.parametrize(
    "text",
    [
        *("CON", "nul", "Aux.tar.gz", "COM1", "lpt9.txt", "COM¹", "CONIN$", "prn ", "NUL .txt"),
        *("", ".", "..", "...", "a.", "a ", " a", ".hidden", "-", "a\x00b", "a\nb", "a:b", "C:"),
        *("x" * 300, "é" * 300, "動" * 300, "\u202egnp.exe", "\ud800", "a" * 119 + "é", "~" * 500),
    ],
)
def test_any_text_becomes_a_name_that_every_system_takes(text: str) -> None:
    for name in (fit(text), f"{fit(text)}.png", f"{fit(text)}-2.contact-sheet.webp"):
        assert is_fit_everywhere(name)
    assert len(fit(text).encode()) <= STEM_MAX_BYTES + 1


@given(st.text(max_size=400))
@settings(max_examples=300, deadline=None)
def test_no_text_becomes_anything_else(text: str) -> None:
    assert is_fit_everywhere(fit(text))
    assert fit(fit(text)) == fit(text)
    assert all(is_fit_everywhere(part) for part in path_of(text).split("/"))
    assert is_below(path_of(text))


@pytest.mark.parametrize("folders", [1, 2, 5, 12])
def test_a_path_of_many_long_names_fits_beside_a_folder_of_windows(folders: int) -> None:
    paths = {path_of(f"{'/'.join(['x' * 300] * folders)}/{each}.png") for each in ("y" * 300, "z")}
    assert len(paths) == 2
    for path in paths:
        assert len(path) <= PATH_MAX_BYTES + folders + len(".png")
        assert path.count("/") == folders
        assert all(is_fit_everywhere(part) for part in path.split("/"))


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/x", "x/", "../x", "x/../y", "x//y", "C:/x", "x\\y", "x\0", ".x", "x."),
        *("con.png", "a/NUL", "\ud800", "x" * 256),
    ],
)
def test_what_may_lead_elsewhere_is_not_below_the_folder(path: str) -> None:
    assert not is_below(path)


def test_long_names_that_differ_only_at_the_end_stay_apart() -> None:
    names = {of_url(f"https://example.com/{'x' * 500}{each}") for each in range(50)}
    assert len(names) == 50


class TestTaken:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("a.png", "a.png"),
            ("a.png", "A.PNG"),
            ("straße.png", "STRASSE.png"),
            ("é.png", "e\u0301.png"),
            ("ﬁ.png", "fi.png"),
        ],
    )
    def test_names_that_some_system_takes_for_the_same_are_numbered(
        self, first: str, second: str
    ) -> None:
        taken = Taken([first])
        stem, suffix = split_suffix(second)
        assert taken.take(second) == f"{stem}-2{suffix}"
        assert taken.take(second) == f"{stem}-3{suffix}"

    def test_a_number_that_is_taken_itself_is_left_out(self) -> None:
        taken = Taken(["a.png", "a-2.png"])
        assert taken.take("a.png") == "a-3.png"

    def test_the_same_name_in_another_folder_is_free(self) -> None:
        assert Taken(["x/a.png"]).take("y/a.png") == "y/a.png"


class TestTemplate:
    def render(self, text: str, url: str = "https://example.com/a/b", **columns: str) -> str:
        values = fields_of(url, 7, columns)
        return Template(text).path(values)

    @pytest.mark.parametrize(
        ("text", "path"),
        [
            ("{name}", "example.com-a-b"),
            ("{number:04}-{host}.png", "0007-example.com.png"),
            ("{host}/{path}.webp", "example.com/a-b.webp"),
            ("{order}", "A-17"),
            ("{order}/{order}.png", "A-17/A-17.png"),
            ("../{host}//./..\\x", "example.com/x"),
            ("/etc/{name}", "etc/example.com-a-b"),
            ("C:\\{name}", "C/example.com-a-b"),
            ("con/{number}.png", "_con/7.png"),
            ("{{{number}}}", "7"),
            ("{name}.tar.gz", "example.com-a-b.tar.gz"),
        ],
    )
    def test_a_path_stays_below_its_folder(self, text: str, path: str) -> None:
        assert self.render(text, order="A/17") == path

    @pytest.mark.parametrize("value", ["../../x", "/x", "..", "C:\\x", "x/", ""])
    def test_no_value_leads_anywhere(self, value: str) -> None:
        path = self.render("a/{order}.png", order=value)
        assert path.startswith("a/")
        assert path.count("/") == 1

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("{nmae}", "there is no {nmae} for --name; there are {name}, {number}"),
            ("{}", "is no template"),
            ("{0}", "is no template"),
            ("{name.__class__}", "is no template"),
            ("{name[0]}", "is no template"),
            ("{name", "is no template"),
            ("}", "is no template"),
            ("{number:{name}}", "is no template"),
            ("{name:04d}", "--name does not fit"),
        ],
    )
    def test_what_cannot_be_filled_in_is_refused(self, text: str, said: str) -> None:
        with pytest.raises(ValueError) as refused:
            self.render(text)
        assert said in str(refused.value)

    def test_a_column_does_not_hide_a_field_of_the_address(self) -> None:
        assert self.render("{host}", host="elsewhere") == "example.com"

    def test_a_page_without_an_address_has_a_name_too(self) -> None:
        assert self.render("{name}", url="") == "page-7"
