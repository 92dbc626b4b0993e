"""What Celery learns of a run: nothing but that it is over."""

from unittest.mock import Mock

import pytest
from celery import Celery

from farm.backends.celery_queue import CHECK_BROWSER
from farm.jobs.errors import BackendUnavailable
from farm.jobs.specs.requests import SPECS
from tasks.entrypoints import register
from tasks.runner import JobRunner


@pytest.mark.parametrize("name", [*SPECS, CHECK_BROWSER])
def test_an_error_of_the_farm_s_own_stays_in_the_child(name: str) -> None:
    app = Celery(set_as_current=False)
    away = Mock(side_effect=BackendUnavailable("away"))
    register(app, Mock(spec=JobRunner, run=away), away)
    app.tasks[name](*["1"] * (name != CHECK_BROWSER))
    away.assert_called_once()


@pytest.mark.parametrize("error", [SystemExit(1), ValueError("a mistake")])
def test_what_is_not_the_farm_s_own_is_celery_s_matter(error: BaseException) -> None:
    app = Celery(set_as_current=False)
    register(app, Mock(spec=JobRunner, run=Mock(side_effect=error)), Mock())
    with pytest.raises(type(error)):
        app.tasks["probe"]("1")
