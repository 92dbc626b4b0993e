"""Restart the parts whose code changes; `make dev` runs this beside them.

Workers are stopped warmly: the jobs in flight end first, each browser with its worker,
and what waits in the queue waits a little longer. The API reloads without closing its
door.
"""

import os
import time
import xmlrpc.client
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport
from watchfiles import PythonFilter, watch

_ROOT = Path(__file__).resolve().parent.parent
_WATCHED = ("api", "farm", "tasks")
_RESTARTED = ("farm:pages", "farm:media", "farm:dispatcher")
_STOPPED = 0  # supervisor's name for it


def main() -> None:
    """Watch until told to stop."""
    socket = Path(os.environ["STACK_RUN_DIR"]) / "supervisor.sock"
    transport = SupervisorTransport(None, None, f"unix://{socket}")
    supervisor = xmlrpc.client.ServerProxy("http://farm", transport=transport).supervisor
    for changes in watch(*(_ROOT / name for name in _WATCHED), watch_filter=PythonFilter()):
        rooms = {Path(path).relative_to(_ROOT).parts[0] for _, path in changes}
        print(f"reload: {', '.join(sorted(rooms))} changed", flush=True)
        if rooms & {"api", "farm"}:
            supervisor.signalProcess("farm:api", "HUP")
        if rooms & {"tasks", "farm"}:
            _restart(supervisor, _RESTARTED)
        print("reload: done", flush=True)


def _restart(supervisor: Any, names: Iterable[str]) -> None:  # noqa: ANN401 - an XML-RPC proxy
    running = [n for n in names if supervisor.getProcessInfo(n)["statename"] != "STOPPED"]
    for name in running:
        supervisor.stopProcess(name, False)  # noqa: FBT003 - do not wait: stop all at once
    for name in running:
        while supervisor.getProcessInfo(name)["state"] != _STOPPED:
            time.sleep(0.1)
        supervisor.startProcess(name, False)  # noqa: FBT003


if __name__ == "__main__":
    main()
