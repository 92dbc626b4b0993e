"""The net under a job's own time limits."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def watchdog(after_s: float, kill: Callable[[], None]) -> Iterator[threading.Event]:
    """Call ``kill`` from another thread if the block takes longer than ``after_s`` seconds.

    Some calls of Playwright take no timeout (``page.title``, ``page.evaluate``);
    killing the browser makes them fail at once, where raising from a signal handler
    would now and then break its event loop.

    Yields:
        An event that is set just before ``kill`` is called.
    """
    fired = threading.Event()

    def fire() -> None:
        fired.set()
        kill()

    timer = threading.Timer(after_s, fire)
    timer.daemon = True
    timer.start()
    try:
        yield fired
    finally:
        timer.cancel()
        timer.join()
