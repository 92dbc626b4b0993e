"""What Celery learns of a run: nothing but that it is over."""

from unittest.mock import Mock, patch

import pytest
from celery import Celery
from celery.exceptions import Retry

from farm.backends.celery_queue import CHECK_BROWSER
from farm.jobs.errors import BackendUnavailable, KeyRefused, QueueFull
from farm.jobs.specs.requests import SPECS
from tasks.entrypoints import SUBMIT, register
from tasks.runner import JobRunner

AWAY = BackendUnavailable("away")


@pytest.mark.parametrize("name", [*SPECS, CHECK_BROWSER])
def test_an_error_of_the_farm_s_own_stays_in_the_child(name: str) -> None:
    app = Celery(set_as_current=False)
    away = Mock(side_effect=BackendUnavailable("away"))
    register(app, Mock(spec=JobRunner, run=away), Mock(submit=away), away)
    app.tasks[name](*["1"] * (name != CHECK_BROWSER))
    away.assert_called_once()


@pytest.mark.parametrize("error", [SystemExit(1), ValueError("a mistake")])
def test_what_is_not_the_farm_s_own_is_celery_s_matter(error: BaseException) -> None:
    app = Celery(set_as_current=False)
    register(app, Mock(spec=JobRunner, run=Mock(side_effect=error)), Mock(), Mock())
    with pytest.raises(type(error)):
        app.tasks["probe"]("1")


def test_a_submission_that_is_refused_stays_in_the_child() -> None:
    app = Celery(set_as_current=False)
    refused = Mock(side_effect=KeyRefused("no key"))
    register(app, Mock(spec=JobRunner), Mock(submit=refused), Mock())
    app.tasks[SUBMIT]({})
    refused.assert_called_once()


@pytest.mark.parametrize(("error", "after_s"), [(QueueFull("full", 7), 7), (AWAY, 5)])
def test_a_submission_that_finds_no_room_comes_again(error: Exception, after_s: int) -> None:
    app = Celery(set_as_current=False)
    register(app, Mock(spec=JobRunner), Mock(submit=Mock(side_effect=error)), Mock())
    task = app.tasks[SUBMIT]
    with (
        patch.object(task, "retry", return_value=Retry()) as retry,
        pytest.raises(Retry),
    ):
        task({})
    assert retry.call_args.kwargs["countdown"] == after_s
