"""Where a key may lead to is decided at the door and holds at the gate."""

from collections.abc import Callable

import pytest

from api.app import create_app
from api.settings import ApiSettings
from tests.support.rig_farm import ALLOWED, ALLOWED_PORT, Ended, RigFarm
from tests.support.rig_session import Rig

INSIDE = f"http://{ALLOWED}:{ALLOWED_PORT}"
Ask = Callable[..., Ended]


@pytest.fixture(scope="module")
def ask(farm: RigFarm) -> Ask:
    """Submit over HTTP with the key of this zone, and wait for the end."""
    api = create_app(ApiSettings(), farm.service).test_client()
    scopes = ["keys", "jobs:read", "jobs:write"]
    made = api.post(
        "/v1/keys", json={"name": "i", "scopes": scopes, "zones": ["public", "internal"]}
    )
    keys = {"internal": {"Authorization": f"Bearer {made.get_json()['key']}"}}
    made = api.post("/v1/keys", json={"name": "p"}, headers=keys["internal"])
    keys["public"] = {"Authorization": f"Bearer {made.get_json()['key']}"}

    def submit(zone: str, url: str) -> Ended:
        spec = {"kind": "content", "url": url, "timeout": 45_000}
        answer = api.post("/v1/jobs", json=spec, headers=keys[zone])
        assert answer.status_code == 202, answer.text
        return farm.ended(farm.service.get(answer.get_json()["id"]))

    return submit


def test_50_a_key_of_the_public_zone_leads_nowhere_inside(rig: Rig, ask: Ask) -> None:
    rig.origins.put(f"{ALLOWED}/key", "<!doctype html><title>Inside</title>")
    watch = rig.watch()
    assert ask("public", f"{INSIDE}/key").code == "target_forbidden"
    assert watch.hits() == ()
    assert watch.leaks() == set()
    assert ask("internal", f"{INSIDE}/key").report["title"] == "Inside"


def test_51_not_even_the_key_of_both_zones_lets_a_public_page_in(rig: Rig, ask: Ask) -> None:
    page = f'<!doctype html><title>Web</title><img src="{INSIDE}/v/key.png">'
    url = rig.origins.put("public.test/key", page)
    watch = rig.watch()
    for zone in ("public", "internal"):
        report = ask(zone, url).report
        assert (report["title"], report["blocked_requests"]) == ("Web", 1)
    assert "/v/key.png" not in watch.paths()
    assert watch.leaks() == set()
