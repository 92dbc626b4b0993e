"""The API as a process whose environment is wrong."""

import os
import subprocess
import sys

import pytest

from dev.stack import ROOT
from tests.support.neighbours import free_port

_WITHOUT_OBSTORE = """
import sys
sys.modules["obstore"] = None
from gunicorn.app.wsgiapp import run
run()
"""


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FARM_BACKLOG_MAX", "many", "FARM_BACKLOG_MAX"),
        ("FARM_ARTIFACTS_BUCKET", "s3://shots", "renderfarm[s3]"),
    ],
)
def test_an_api_that_cannot_start_ends_and_says_why(name: str, value: str, said: str) -> None:
    command = [sys.executable, "-c", _WITHOUT_OBSTORE, "-c", "python:api.gunicorn_conf"]
    command += ["--bind", f"127.0.0.1:{free_port()}", "api.wsgi:create()"]
    environment = {**os.environ, name: value}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False, text=True
    )
    # 1 and gunicorn's own traceback where its second process ends while it still starts them.
    assert done.returncode in {1, 4}
    assert said in done.stderr
    assert "wsgi.py" not in done.stderr
