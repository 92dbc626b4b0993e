"""Every error of the client has one exit code."""

import pytest

from farm.client.errors import ClientError
from farm.client.exit_codes import EXIT_CODES, ExitCode
from farm.jobs.errors import leaves


@pytest.mark.parametrize("kind", list(leaves(ClientError)))
def test_every_error_that_is_raised_has_an_exit_code(kind: type[ClientError]) -> None:
    assert EXIT_CODES[kind] not in (ExitCode.OK, ExitCode.INTERRUPTED)


def test_only_errors_that_are_raised_have_an_exit_code() -> None:
    assert set(EXIT_CODES) == set(leaves(ClientError))


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in leaves(ClientError)]
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
