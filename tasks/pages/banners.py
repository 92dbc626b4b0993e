"""Cookie banners: answered with "no", by the rules of DuckDuckGo's autoconsent."""

import json
import re
import time
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Literal

from duckduckgo_autoconsent import bundle, rules_json
from playwright.sync_api import Page

from tasks.pages.visit import Visit

Result = Literal["none", "closed", "failed"]
"""What became of the banner. ``closed`` is no proof that consent was refused: some rules
only hide what cannot be answered."""

_LOOKS = 30
"""A banner that comes later is missed; on a quiet machine that is after a second and a half.
Counted, for a busy machine needs longer for the looks and for the banner. Where there is no
rule, the script looks for a button that says no, half a second after the page has loaded."""
_LIMIT_S = 5.0
_FADE_MS = 400
_LOOK_MS = 50
_MESSAGES_MAX = 1000
"""A page can send messages too; more than this is not listened to."""
_NAME_MAX_CHARACTERS = 100

_CONFIG = {
    "enabled": True,
    "autoAction": "optOut",
    "isMainWorld": True,  # it runs beside the page's own scripts, and asks for no evaluation
    "enablePrehide": True,
    "enableCosmeticRules": True,
    "heuristicMode": "reject",
    "detectRetries": 20,
    "logs": {"errors": False},
}
# What a rule needs for this: no way to say yes, no test of itself.
_PARTS = (
    *("name", "runContext", "prehideSelectors", "detectCmp", "detectPopup", "optOut"),
    *("cosmetic", "intermediate", "minimumRuleStepVersion"),
)
_BUSY = frozenset({"cmpDetected", "openPopupDetected", "runningOptOut", "optOutSucceeded"})

# It hides by <style>, which the page's Content-Security-Policy may have disarmed.
_REARM = """() => {
  for (const style of document.querySelectorAll('style[id^=autoconsent]')) {
    if (style.sheet) continue;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style.textContent);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  }
}"""
_GLUE = """(() => {
  const tell = window.farmConsent;
  if (!tell || !/^https?:$/.test(location.protocol)) return;
  window.autoconsentSendMessage = async message => {
    const answer = await tell(message);
    if (answer) window.autoconsentReceiveMessage(answer);
  };
  BUNDLE
})();"""


def versions() -> dict[str, str]:
    """Return the version of script and rules, which come together."""
    return {"autoconsent": version("duckduckgo-autoconsent-py")}


def rules_for(url: str, *, is_main: bool) -> list[dict[str, Any]]:
    """Return the rules that apply to a frame at ``url``: some 300 of 1,000."""
    return [
        rule
        for pattern, main, frame, rule in _rules()
        if (main if is_main else frame) and (pattern is None or pattern.search(url))
    ]


@lru_cache(maxsize=1)
def _script() -> str:
    return _GLUE.replace("BUNDLE", bundle())


@lru_cache(maxsize=1)
def _rules() -> list[tuple[re.Pattern[str] | None, bool, bool, dict[str, Any]]]:
    rules = []
    for rule in json.loads(rules_json()):
        context = rule.get("runContext", {})
        pattern = context.get("urlPattern")
        rules.append(
            (
                re.compile(pattern) if pattern else None,
                context.get("main", True),
                context.get("frame", False),
                {part: rule[part] for part in _PARTS if part in rule},
            )
        )
    return rules


class Banners:
    """Answers the cookie banner of one page. Made before the page goes anywhere.

    The page sees the script and can forge its messages: they decide nothing but how
    long to wait and what the report says.
    """

    def __init__(self, page: Page) -> None:
        """Put the script into every frame that ``page`` will have."""
        self._page = page
        self._lifecycles: dict[str, str] = {}
        self._rule: str | None = None
        self._failed = False
        self._messages = 0
        page.expose_binding("farmConsent", self._answer)
        page.add_init_script(_script())

    def settle(self, visit: Visit, budget_s: float) -> dict[str, str | None]:
        """Wait until the banner is gone, or none has come; return what became of it."""
        give_up_at = time.monotonic() + min(_LIMIT_S, budget_s)
        result: Result = "none"
        looks = 0
        while time.monotonic() < give_up_at:
            if self._rule is not None:
                result = "closed"
                visit.ask(_REARM)
                self._page.wait_for_timeout(_FADE_MS)
                break
            if not self._is_busy() and (self._failed or looks >= _LOOKS):
                break
            looks += 1
            self._page.wait_for_timeout(_LOOK_MS)
        if result == "none" and (self._failed or self._is_busy()):
            result = "failed"
        return {"result": result, "rule": self._rule}

    def _is_busy(self) -> bool:
        return not _BUSY.isdisjoint(self._lifecycles.values())

    def _answer(self, source: dict[str, Any], message: object) -> dict[str, Any] | None:
        self._messages += 1
        if self._messages > _MESSAGES_MAX or not isinstance(message, dict):
            return None
        match message.get("type"):
            case "init":
                frame = source["frame"]
                is_main = frame.parent_frame is None
                if is_main:  # Another document: what was under way in the last one is over.
                    self._lifecycles.clear()
                    self._failed = False
                rules = rules_for(frame.url, is_main=is_main)
                return {"type": "initResp", "config": _CONFIG, "rules": {"autoconsent": rules}}
            case "report":
                state = message.get("state")
                if isinstance(state, dict):
                    self._lifecycles[str(message.get("instanceId"))] = str(state.get("lifecycle"))
            case "optOutResult" if message.get("result") is False:
                self._failed = True
            case "autoconsentDone":
                self._rule = str(message.get("cmp", ""))[:_NAME_MAX_CHARACTERS]
        return None
