"""What is to be done: the entries of a list, checked, each once, with the name of its file."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from farm.client.lists.entries import BadLine, Entry
from farm.client.lists.names import Taken, Template, fields_of, of_url, split_suffix
from farm.client.saving import PICTURE_TYPES
from farm.jobs.errors import InvalidSpec
from farm.jobs.specs.base import JobOptions
from farm.jobs.specs.requests import SPECS, JobRequest
from farm.jobs.specs.secrets import is_secret
from farm.jobs.views import JobView, shown

_MARK = "farm-item"
"""In a job's metadata: the key of its item, where its spec as it is shown does not tell."""
_SUFFIXES = {"screenshot": PICTURE_TYPES, "pdf": {".pdf": ""}, "content": {".json": ""}}
_KEY_CHARACTERS = 32
BATCH_MAX = 10_000
_BATCH_MAX_CHARACTERS = 6 << 20
"""Of ASCII; a farm takes 8 MiB."""


@dataclass(frozen=True)
class Item:
    """One result that is wanted."""

    key: str
    """A hash of what is asked for: neither of secrets, nor of how the job is run."""
    line: int
    spec: Mapping[str, Any]
    """As it is sent, with its ``kind``."""
    url: str | None
    path: str
    """Of its result below the folder, with ``/`` between its parts."""


@dataclass
class Wanted:
    """All that a list asks for."""

    items: list[Item] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    repeated: list[tuple[int, int]] = field(default_factory=list)
    """Lines that ask for what an earlier one does, and that line."""


def wanted(
    entries: Iterable[Entry | BadLine], options: Mapping[str, Any], template: Template | None
) -> Wanted:
    """Return what ``entries`` ask for. Several may ask for the same path.

    Args:
        entries: The list.
        options: Fields of specs that do not say otherwise, as far as their kind has them.
        template: How files are named; ``None``: by their address.
    """
    found, seen = Wanted(), dict[str, Item]()
    for entry in entries:
        if isinstance(entry, BadLine):
            found.bad.append(entry)
            continue
        try:
            item = _item(entry, options, template)
        except InvalidSpec as error:
            found.bad.append(BadLine(entry.line, [f"{e.field}: {e.message}" for e in error.errors]))
        except ValueError as error:
            found.bad.append(BadLine(entry.line, [str(error)]))
        else:
            item = _told_apart(item, seen)
            if item.key in seen:
                found.repeated.append((item.line, seen[item.key].line))
                continue
            seen[item.key] = item
            found.items.append(item)
    return found


def _told_apart(item: Item, seen: Mapping[str, Item]) -> Item:
    """Return ``item`` with another key if one that is ``seen`` differs by secrets alone."""
    found, number = item, 1
    while found.key in seen and not _are_alike(item, seen[found.key]):
        number += 1
        found = _marked(item, f"{item.key}-{number}")
    return found


def _are_alike(item: Item, other: Item) -> bool:
    spec = SPECS[item.spec["kind"]]
    names = [name for name in spec.model_fields if is_secret(spec, name)]
    return all(item.spec.get(name) == other.spec.get(name) for name in names)


def apart(items: Iterable[Item], paths: Mapping[str, str], taken: Iterable[str]) -> list[Item]:
    """Return ``items`` with paths of their own.

    Args:
        items: In the order in which they may choose.
        paths: Those that items have already, by key. They keep them.
        taken: Others that no item may have.
    """
    names = Taken([*paths.values(), *taken])
    return [
        replace(item, path=paths[item.key] if item.key in paths else names.take(item.path))
        for item in items
    ]


def key_of(job: JobView) -> str:
    """Return the key of the item that became ``job``."""
    marked = job.metadata.get(_MARK)
    return marked or _key(job.kind, job.spec)


def chunks(items: Iterable[Item], most: int = BATCH_MAX) -> Iterator[list[Item]]:
    """Yield ``items`` in parts that any farm takes in one request, of ``most`` at most."""
    chunk: list[Item] = []
    size = 0
    for item in items:
        characters = len(json.dumps(item.spec))
        if chunk and (len(chunk) == most or size + characters > _BATCH_MAX_CHARACTERS):
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += characters
    if chunk:
        yield chunk


def as_batch(items: Sequence[Item]) -> tuple[list[str | dict[str, Any]], dict[str, Any]]:
    """Return the items as a batch has them, and the fields that all of their specs have."""
    first = items[0].spec
    common = {
        name: value
        for name, value in first.items()
        if name != "url" and all(_has(item.spec, name, value) for item in items)
    }
    own = [{n: v for n, v in item.spec.items() if n not in common} for item in items]
    return [spec["url"] if spec.keys() == {"url"} else spec for spec in own], common


def _has(spec: Mapping[str, Any], name: str, value: object) -> bool:
    # In Python True is 1, and 1 is 1.0; to the farm they are not.
    return name in spec and json.dumps(spec[name]) == json.dumps(value)


def _item(entry: Entry, options: Mapping[str, Any], template: Template | None) -> Item:
    kind = str(entry.spec.get("kind"))
    known = SPECS[kind].model_fields if kind in SPECS else {}  # type: ignore[index]
    spec = {name: value for name, value in options.items() if name in known} | dict(entry.spec)
    path = _path(entry, spec, template)
    suffixes = _SUFFIXES.get(kind, {".json": ""})
    is_meant = entry.path is not None or (template is not None and not template.ends_in_address)
    suffix = split_suffix(path)[1].lower() if path is not None and is_meant else ""
    if path is None:
        path = f"page-{entry.line}" if "url" not in spec else of_url(str(spec["url"]))
    if kind == "screenshot" and suffix in PICTURE_TYPES:
        spec.setdefault("type", PICTURE_TYPES[suffix])
    if suffix not in suffixes:
        path += f".{spec.get('type', 'png')}" if kind == "screenshot" else next(iter(suffixes))
    checked = JobRequest.model_validate(spec).root
    key = _key(kind, checked.model_dump(mode="json", exclude_unset=True))
    item = Item(key, entry.line, spec, getattr(checked, "url", None), path)
    # What is too long to be shown, as a whole page, is not on the job to be compared.
    return item if _key(kind, shown(checked)) == key else _marked(item, key)


def _marked(item: Item, key: str) -> Item:
    metadata = {**item.spec.get("metadata", {}), _MARK: key}
    return replace(item, key=key, spec={**item.spec, "metadata": metadata})


def _path(entry: Entry, spec: Mapping[str, Any], template: Template | None) -> str | None:
    """Return the path that the list or the template names; ``None``: neither does."""
    if entry.path is not None or template is None:
        return entry.path
    url = str(spec.get("url", ""))
    return template.path(fields_of(url, entry.line, entry.columns))


def _key(kind: str, spec: Mapping[str, Any]) -> str:
    fields = SPECS[kind].model_fields if kind in SPECS else {}  # type: ignore[index]
    told = {
        name: value
        for name, value in spec.items()
        if name not in JobOptions.model_fields
        and name != "kind"
        and not (name in fields and is_secret(SPECS[kind], name))  # type: ignore[index]
    }
    return _hash([kind, told])


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_CHARACTERS]
