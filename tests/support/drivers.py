"""Playwright's drivers that this process has started; other tests may have a farm beside it."""

import psutil

from tests.support.processes import lives


def drivers_of_this_process() -> list[psutil.Process]:
    """Return them; a driver has no other name than that of its runtime."""
    return [each for each in psutil.Process().children() if lives(each) and _is_node(each)]


def driver_of_this_process() -> psutil.Process:
    """Return the only one."""
    (driver,) = drivers_of_this_process()
    return driver


def living_children(process: psutil.Process) -> list[psutil.Process]:
    """Return those that are no zombies: a driver reaps its browsers in its own time."""
    return [each for each in process.children() if lives(each)]


def _is_node(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("node")
    except psutil.NoSuchProcess:
        return False
