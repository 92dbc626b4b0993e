"""Write the API's description to ``openapi.json``; a test fails where it has drifted."""

import json
from pathlib import Path

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.assembly import assemble

FILE = Path(__file__).resolve().parent.parent / "openapi.json"


def described() -> str:
    """Return the description as the file holds it. Connects to nothing."""
    settings = ApiSettings()
    app = create_app(settings, assemble(settings.redis_url, None, waiters_max=0))
    description = app.test_client().get("/openapi.json").get_json()
    return json.dumps(description, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(described(), encoding="utf-8")
