"""Every error of the client has one exit code."""

from collections.abc import Iterator

import pytest

from farm.client.errors import ClientError
from farm.client.exit_codes import EXIT_CODES, ExitCode


def _leaves(kind: type[ClientError]) -> Iterator[type[ClientError]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for subclass in below:
        yield from _leaves(subclass)


@pytest.mark.parametrize("kind", list(_leaves(ClientError)))
def test_every_error_that_is_raised_has_an_exit_code(kind: type[ClientError]) -> None:
    assert EXIT_CODES[kind] not in (ExitCode.OK, ExitCode.INTERRUPTED)


def test_only_errors_that_are_raised_have_an_exit_code() -> None:
    assert set(EXIT_CODES) == set(_leaves(ClientError))


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in _leaves(ClientError)]
    assert len(set(codes)) == len(codes)
    assert ClientError.code not in codes


def test_the_numbers_are_those_of_the_contract() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "SOME_FAILED": 1,
        "BAD_INPUT": 2,
        "UNREACHABLE": 3,
        "REFUSED": 4,
        "INTERRUPTED": 130,
    }
