"""Settings of Flower that are code: each message leads to its job's page on the dashboard."""

import os

_OF_NO_JOB = "check_browser"
"""The one message whose id is not a job's."""


def format_task(task):  # noqa: ANN001, ANN201 - Flower's own, which has no types
    """Show the page's address in place of the arguments, which are the job's id once more."""
    dashboard = os.environ.get("FARM_DASHBOARD_URL")
    if dashboard and task.name != _OF_NO_JOB:
        task.args = f"{dashboard.rstrip('/')}/jobs/{task.uuid}"
    return task
