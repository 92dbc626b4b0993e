"""The tree of errors: codes, statuses, and the docstring that shows it."""

import re
from collections.abc import Iterator

import pytest

from api.problems import STATUSES
from api.routes.docs import explained
from farm.jobs import errors
from farm.jobs.errors import (
    BackendUnavailable,
    FarmError,
    InternalError,
    JobError,
    LimitError,
    RequestError,
    TargetError,
    WorkerError,
)
from farm.jobs.specs.requests import SPECS


def below(root: type[FarmError]) -> Iterator[type[FarmError]]:
    """Yield ``root`` and what descends from it here; other rooms have errors of their own."""
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from below(child)


def leaves(root: type[FarmError]) -> list[type[FarmError]]:
    return [error for error in below(root) if not error.__subclasses__()]


EVERY = list(below(FarmError))


def test_no_two_errors_share_a_code() -> None:
    codes = [error.code for error in EVERY]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("error", EVERY)
def test_a_code_is_in_snake_case_and_an_error_says_what_it_means(error: type[FarmError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert error.__doc__


@pytest.mark.parametrize("error", [*leaves(RequestError), BackendUnavailable])
def test_every_error_that_a_request_can_end_in_has_a_status(error: type[FarmError]) -> None:
    assert 400 <= STATUSES[error] < 600
    assert (STATUSES[error] >= 500) == (error is BackendUnavailable)


def test_a_failed_job_is_an_outcome_and_has_no_status() -> None:
    assert [error for error in STATUSES if issubclass(error, JobError)] == [InternalError]


@pytest.mark.parametrize(
    ("root", "retryable"), [(TargetError, False), (LimitError, False), (WorkerError, True)]
)
def test_only_what_is_the_farm_s_fault_is_tried_again(
    root: type[FarmError], retryable: bool
) -> None:
    assert {error.retryable for error in below(root)} == {retryable}


def test_the_tree_in_the_docstring_names_every_error_and_no_other() -> None:
    drawn = {
        name
        for line in (errors.__doc__ or "").splitlines()
        if line.strip().startswith(("├", "│", "└", "FarmError"))
        for name in re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", line)
    }
    assert drawn == {error.__name__ for error in EVERY}


@pytest.mark.parametrize("error", [*leaves(JobError), *leaves(RequestError), BackendUnavailable])
def test_every_error_says_in_a_line_what_it_is_and_in_a_sentence_what_to_do(
    error: type[FarmError],
) -> None:
    cause, advice = explained(error)
    for sentence in (cause, advice):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert ". " not in sentence
    assert cause != advice


def test_what_an_error_advises_is_an_option_that_there_is() -> None:
    options = {name for spec in SPECS.values() for name in spec.model_fields}
    for error in leaves(TargetError):
        named = re.findall(r"``([a-z]+(?:_[a-z]+)+)", explained(error)[1])
        assert [name for name in named if name not in options] == []


def test_an_error_reads_as_its_message() -> None:
    assert str(errors.DnsError("No such host.")) == "No such host."
    assert (
        str(errors.JobTimedOut("load", 2.5))
        == "The timeout of 2.5 s passed during the step 'load'."
    )
