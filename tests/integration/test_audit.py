"""What is said of the locked packages: what is known, and plainly where nothing could be asked."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest

from dev.audit import LOCKS, audit, pinned
from tests.support.neighbours import free_port

PINS = [("flask", "3.1.3"), ("urllib3", "1.26.0"), ("urllib3", "2.8.0")]


class Database(BaseHTTPRequestHandler):
    """OSV, as far as it is asked; it knows of one fault in one version."""

    asked: ClassVar[list[tuple[str, str]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = [(query["package"]["name"], query["version"]) for query in body["queries"]]
        self.asked.extend(asked)
        known = {"vulns": [{"id": "GHSA-1", "modified": "2026-01-01T00:00:00Z"}]}
        self._say({"results": [known if each == PINS[1] else {} for each in asked]})

    def do_GET(self) -> None:
        fault = {"id": "GHSA-1", "modified": "2026-01-01T00:00:00Z", "summary": "It leaks."}
        self._say(fault)

    def _say(self, found: Any) -> None:
        content = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
        del format, args


@pytest.fixture
def database() -> Iterator[str]:
    Database.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Database) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_a_package_with_a_known_fault_fails_and_is_named(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(PINS, database) == 1
    said = capsys.readouterr().out
    assert "urllib3 1.26.0" in said
    assert "GHSA-1" in said
    assert Database.asked == PINS


def test_packages_without_a_known_fault_pass(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit([PINS[0], PINS[2]], database) == 0
    assert capsys.readouterr().out == "audit: nothing is known against 2 locked packages\n"


def test_what_cannot_be_asked_is_said_and_fails_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert audit(PINS, f"http://127.0.0.1:{free_port()}/") == 0
    said = capsys.readouterr().out
    assert said.startswith("audit: COULD NOT ASK about 3 locked packages")


def test_a_mistake_of_our_own_is_not_taken_for_a_missing_network(database: str) -> None:
    assert audit([("flask", "no version")], database) not in {0, 1}
    assert Database.asked == []


def test_every_locked_package_is_asked_about(database: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(LOCKS.glob("*.txt"))]
    pins = pinned(texts)
    assert len(pins) > 100
    assert audit(pins, database) == 0
    assert Database.asked == pins
