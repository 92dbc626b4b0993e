"""Settings of Flower that are code: each message leads to its job's page on the dashboard."""

import os

_JOBS = ("screenshot", "pdf", "content", "probe", "submit")
"""Names of messages whose id is a job's."""


def format_task(task):  # noqa: ANN001, ANN201 - Flower's own, which has no types
    """Show the page's address in place of the arguments, which are the job's id once more."""
    dashboard = os.environ.get("FARM_DASHBOARD_URL")
    if dashboard and task.name in _JOBS:
        task.args = f"{dashboard.rstrip('/')}/jobs/{task.uuid}"
    return task
