"""What the farm's processes write, line by line."""

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from farm.backends.logs import redacted


def lines_of(code: str) -> list[dict[str, Any]]:
    """Return what a process logs that does this once its logs are configured."""
    before = "import logging, structlog\nfrom farm.backends import logs\nlogs.configure()\n"
    done = subprocess.run(
        [sys.executable, "-c", before + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_event_is_one_line_of_json_whatever_strangers_put_into_it() -> None:
    (line,) = lines_of(
        r"""
        evil = 'a\nb\r\n{"event": "forged"}\u2028\x1b[31m'
        structlog.get_logger("x").info("refused", path=evil)
        """
    )
    assert line["event"] == "refused"
    assert line["path"] == 'a\nb\r\n{"event": "forged"}\u2028\x1b[31m'
    assert {"level", "logger", "timestamp"} <= line.keys()


def test_what_libraries_log_has_the_same_form_and_what_is_bound() -> None:
    found = lines_of(
        r"""
        structlog.contextvars.bind_contextvars(request_id="r-1")
        logging.getLogger("celery").warning("a\nb %s", "redis://farm:hunter2@redis:6379/0")
        logging.getLogger("gunicorn.error").warning("Invalid request\nfrom afar")
        """
    )
    assert [line["event"] for line in found] == [
        "a\nb redis://***@redis:6379/0",
        "Invalid request\nfrom afar",
    ]
    assert {line["request_id"] for line in found} == {"r-1"}


def test_a_traceback_holds_no_password() -> None:
    (line,) = lines_of(
        r"""
        try:
            raise ValueError("cannot reach https://user:hunter2@host/?signature=hunter2")
        except ValueError as error:
            structlog.get_logger("x").exception("unforeseen", exc_info=error)
        """
    )
    assert "ValueError: cannot reach https://***@host/" in line["exception"]
    assert "hunter2" not in json.dumps(line)


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        ("redis://:hunter2@redis:6379", "redis://***@redis:6379"),
        ("rediss://u:hunter2@a and http://hunter2@b", "rediss://***@a and http://***@b"),
        ("Authorization: Bearer hunter2.a-b_c", "Authorization: Bearer ***"),
        ("basic aHVudGVyMg==", "basic ***"),
        ("rf_0123456789abcdef_hunter2-hunter_2", "rf_***"),
        ("/a.png?expires=1&signature=hunter2&x=1", "/a.png?expires=1&signature=***&x=1"),
        ('{"webhook_secret": "hunter2"}', '{"webhook_secret": "***"}'),
        ("password = 'hunter2', user", "password = '***', user"),
        ("API_KEY=hunter2", "API_KEY=***"),
        ({"a": ["token=hunter2", ("token:hunter2",)]}, {"a": ["token=***", ["token:***"]]}),
    ],
)
def test_what_looks_like_a_secret_is_starred(said: object, logged: object) -> None:
    assert redacted(None, "info", {"event": "x", "said": said})["said"] == logged


@pytest.mark.parametrize(
    "said",
    [
        "http://page.test/path@v2",
        "a basic rule",
        "token_expired",
        "secrets are kept",
        "f0j1TkVVImTjxcyauF2QFg",
        7,
        None,
        "mail to someone@example.test",
    ],
)
def test_what_is_no_secret_stays_as_it_is(said: object) -> None:
    logged = redacted(None, "info", {"event": "x", "said": said})["said"]
    assert logged == said
