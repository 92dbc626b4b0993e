"""The kind ``content``: what a rendered page says."""

import json
from typing import Any

from farm.jobs.errors import SelectorNotFound
from farm.jobs.specs.content import ContentSpec
from tasks.deadline import Deadline
from tasks.outcome import Made
from tasks.pages.visit import Visit

TEXT = "() => document.body ? document.body.innerText : document.documentElement.textContent"
HTML = """() => {
  const type = document.doctype ? new XMLSerializer().serializeToString(document.doctype) : '';
  return type + (document.documentElement ? document.documentElement.outerHTML : '');
}"""

_READ = """wanted => {
  const root = document.documentElement, meta = Object.create(null), select = [];
  for (const each of document.querySelectorAll('meta[content]')) {
    const name = each.getAttribute('name') || each.getAttribute('property');
    if (name && !(name in meta)) meta[name] = each.content;
  }
  for (const {selector, attribute} of wanted) {
    let found;
    try { found = [...document.querySelectorAll(selector)]; } catch { return {unknown: selector}; }
    select.push(attribute === null
      ? found.map(each => each.innerText ?? each.textContent)
      : found.map(each => each.getAttribute(attribute)).filter(each => each !== null));
  }
  return {
    url: document.URL,
    title: document.title,
    lang: root ? root.getAttribute('lang') : null,
    meta,
    text: (TEXT)(),
    links: [...document.querySelectorAll('a[href], area[href]')].map(each => ({
      href: String(each.href.baseVal ?? each.href),
      text: (each.innerText ?? each.textContent ?? '').trim(),
      rel: each.getAttribute('rel'),
    })),
    html: (HTML)(),
    select,
  };
}""".replace("TEXT", TEXT).replace("HTML", HTML)


def content(visit: Visit, spec: ContentSpec, deadline: Deadline) -> tuple[Made, dict[str, Any]]:
    """Return what the page says as JSON; the report has nothing more to say of it.

    Raises:
        SelectorNotFound: One of the spec's is no CSS selector.
        CaptureFailed: The page cannot be read.
        BrowserCrashed: Chromium went away. The job is tried again.
    """
    wanted = [each.model_dump() for each in spec.select.values()]
    with visit.step("capture", deadline):
        found = visit.ask(_READ, wanted)
    if "unknown" in found:
        raise SelectorNotFound(f"{found['unknown']!r} is no CSS selector.")
    found["select"] = dict(zip(spec.select, found["select"], strict=True))
    return Made("content.json", "application/json", as_json(found)), {}


def as_json(value: object) -> bytes:
    """Return ``value`` as JSON; half a surrogate pair, which a page may have, as an escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
