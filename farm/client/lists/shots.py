"""YAML files of shots, as shot-scraper's ``multi`` has them, and with every field of our specs.

https://shot-scraper.datasette.io/en/stable/multi.html; the keys are those of its ``take_shot``.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import yaml

from farm.client.lists.entries import BadLine, Entry
from farm.client.lists.names import path_of
from farm.client.steps import is_web_url
from farm.jobs.specs.requests import SPECS

ReadFile = Callable[[str], str | None]
"""Returns the text of a file, or ``None`` if there is none of that name."""

_WIDTH, _HEIGHT = 1280, 720
"""Of the window where the file does not say; shot-scraper's."""
_RENAMED = {"wait": "wait_for_timeout", "wait_for": "wait_for_function"}
_OWN = frozenset({"url", "output", "width", "height", "javascript", "selectors", *_RENAMED})
_NO_COMMANDS = "a farm runs no commands of yours; run it before, and leave the key out"
_NO_CODE = "let javascript give the element an id, and say selector: '#id'"
_CANNOT = {
    "sh": _NO_COMMANDS,
    "python": _NO_COMMANDS,
    "server": _NO_COMMANDS,
    "selector_all": "choose one element that is around them all, with selector",
    "selectors_all": "choose one element that is around them all, with selector",
    "js_selector": _NO_CODE,
    "js_selectors": _NO_CODE,
    "js_selector_all": _NO_CODE,
    "js_selectors_all": _NO_CODE,
    "skip_shot": "leave the whole shot out",
    "har": "say collect: [har]",
    "retina": "say device_scale_factor: 2",
    "scale_factor": "say device_scale_factor",
    "auth": "say storage_state, or give --storage-state @FILE",
    "browser": "a farm has Chromium alone; leave the key out",
}
"""Keys, and command-line options that are taken for keys, with the way out."""


class _Wrong(ValueError):
    """A shot that cannot be taken as it is written."""


def read_shots(
    text: str, *, kind: str, ignored: Collection[str] = (), read_file: ReadFile
) -> Iterator[Entry | BadLine]:
    """Yield the shots in ``text``.

    Args:
        text: YAML; a list of mappings.
        kind: Of the shots that do not say.
        ignored: Keys that are to be left out.
        read_file: Reads a page that is a file.

    Raises:
        ValueError: It is no such YAML.
    """
    for line, shot in _loaded(text):
        try:
            yield _entry(line, shot, kind, ignored, read_file)
        except _Wrong as error:
            yield BadLine(line, error.args)


def _loaded(text: str) -> Sequence[tuple[int, object]]:
    """Return the line and the value of each element of the list in ``text``."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        value = [] if root is None else loader.construct_document(root) or []
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        said = " ".join(str(error).split()) or "it is nested too deeply"
        raise ValueError(f"That is no file of shots: {said}") from error
    finally:
        loader.dispose()
    if value and not isinstance(value, list):
        raise ValueError("That is no file of shots: it must be a list, each with a url.")
    nodes = root.value if root is not None and value else []
    return [(node.start_mark.line + 1, each) for node, each in zip(nodes, value, strict=True)]


def _entry(
    line: int, shot: object, kind: str, ignored: Collection[str], read_file: ReadFile
) -> Entry:
    if not isinstance(shot, dict):
        raise _Wrong("a shot is a mapping, with a url")
    # A key without a value is as good as none, and is a common way to write so.
    keys = {str(key): value for key, value in shot.items() if value is not None}
    keys = {key: value for key, value in keys.items() if key not in ignored}
    kind = str(keys.get("kind", kind))
    known = SPECS[kind].model_fields if kind in SPECS else {}  # type: ignore[index]
    wrong = list(_unknown(keys, known))
    if wrong:
        raise _Wrong(*wrong)
    path = _path(keys.pop("output", None))
    spec = _page(keys.pop("url", None), read_file) if "html" not in keys else {}
    if kind == "screenshot":
        spec |= _picture(keys)
        if "quality" in keys and not (path or "").lower().endswith(".webp"):
            spec["type"] = "jpeg"
    javascript = keys.pop("javascript", None)
    if javascript is not None:
        spec["scripts"] = [javascript]
    spec |= {_RENAMED.get(key, key): value for key, value in keys.items()}
    return Entry(line, {"kind": kind, **spec}, path=path)


def _unknown(keys: Mapping[str, Any], known: Collection[str]) -> Iterator[str]:
    for key in keys:
        if key in _CANNOT and key not in known:
            yield f"{key}: {_CANNOT[key]}"
        elif key not in known and key not in _OWN:
            yield f"{key}: unknown; leave it out, or give --ignore {key}"


def _path(output: object) -> str | None:
    if output is None or output == "":
        return None
    if not isinstance(output, str):
        raise _Wrong("output: must be the name of a file")
    parts = {*PurePosixPath(output).parts, *PureWindowsPath(output).parts}
    if ".." in parts or PureWindowsPath(output).anchor:
        raise _Wrong("output: must be below the folder; name another folder with -o")
    return path_of(output)


def _page(url: object, read_file: ReadFile) -> dict[str, Any]:
    """Return the page at ``url``; as shot-scraper has it, a file comes before a host."""
    if not isinstance(url, str) or not url.strip():
        raise _Wrong("url: must be given")
    url = url.strip()
    if is_web_url(url):
        return {"url": url}
    html = read_file(url)
    return {"url": f"http://{url}"} if html is None else {"html": html}


def _picture(keys: dict[str, Any]) -> dict[str, Any]:
    """Return what ``keys`` say of the picture in shot-scraper's words, and take it out."""
    spec: dict[str, Any] = {}
    width, height = keys.pop("width", None), keys.pop("height", None)
    if "viewport" not in keys and "device" not in keys:
        spec["viewport"] = {"width": width or _WIDTH, "height": height or _HEIGHT}
    elif width or height:
        raise _Wrong("width, height: give them, or viewport or device")
    selectors = keys.pop("selectors", None) or []
    if not isinstance(selectors, list):
        raise _Wrong("selectors: must be a list")
    chosen = [*selectors, *([keys["selector"]] if "selector" in keys else [])]
    if len(chosen) > 1:
        raise _Wrong(
            "selectors: a picture is of one element; choose one that is around them all, or make "
            "a shot of each"
        )
    if chosen:
        keys["selector"] = chosen[0]
    else:
        keys.pop("padding", None)
        if "clip" not in keys:
            spec["full_page"] = not height
    return spec
