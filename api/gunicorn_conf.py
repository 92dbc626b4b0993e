"""How gunicorn serves the API: threads, because requests wait on Redis, not on the CPU."""

import ctypes
import signal
import sys
from typing import Any

from api.clients import STOPPING

_PR_SET_PDEATHSIG = 1  # prctl(2)

worker_class = "gthread"
workers = 2
threads = 64  # ApiSettings.waiters_max of them may wait; the rest stay for short requests.
worker_connections = 1000
keepalive = 30
timeout = 60
graceful_timeout = 35  # A long poll takes at most 30 s.
accesslog = None  # The API logs each answer itself, as JSON and without what links hold.
control_socket_disable = True  # one per user, so two farms of one user would share it


def post_worker_init(worker: Any) -> None:  # noqa: ANN401 - gunicorn's
    """Let answers that have no end of their own know when the process is told to stop."""
    worker.wsgi.extensions[STOPPING] = lambda: not worker.alive


def post_fork(_server: object, _worker: object) -> None:
    """Let a worker die with its main process: an orphan would keep the port from the next one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
