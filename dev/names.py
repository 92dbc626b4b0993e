"""Write ``farm/jobs/specs/names.py``: names that only the browser's side knows (``make names``)."""

import textwrap
import zoneinfo

from playwright.sync_api import sync_playwright

from dev.docs import ROOT
from tasks.pages.chromium import find_chromium

FILE = ROOT / "farm" / "jobs" / "specs" / "names.py"

_KNOWN_ZONES = """zones => zones.filter(zone => {
    try { return !!new Intl.DateTimeFormat('en', {timeZone: zone}); } catch { return false; }
})"""


def devices_and_time_zones() -> tuple[list[str], list[str]]:
    """Return the devices of Playwright's registry, and the time zones that Chromium knows."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(None).path)
        zones = sorted(zoneinfo.available_timezones() - {"localtime"})
        known = browser.new_page().evaluate(_KNOWN_ZONES, zones)
        browser.close()
        return list(playwright.devices), known


def _source(devices: list[str], time_zones: list[str]) -> str:
    lines = "\n".join(f'    "{name}",' for name in devices)
    zones = textwrap.fill(" ".join(time_zones), 96, break_on_hyphens=False)
    return f'''"""Names that the browser's side knows, for those who must judge a spec without it.

Made by ``make names``; a test compares them with Playwright and Chromium.
"""

DEVICES = (
{lines}
)
"""The devices of Playwright's registry."""

TIME_ZONES = tuple(  # one string, for 600 lines would be no easier to read
    """
{textwrap.indent(zones, "    ")}
    """.split()  # noqa: SIM905
)
"""The IANA time zones that Chromium knows."""
'''


if __name__ == "__main__":
    FILE.write_text(_source(*devices_and_time_zones()), encoding="utf-8")
