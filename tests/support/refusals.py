"""What is wrong with a spec, by field."""

from typing import Any

import pytest

from farm.jobs.errors import FieldError, InvalidSpec
from farm.jobs.specs.requests import JobRequest


def refused(body: object) -> dict[str, str]:
    """Return what is wrong with ``body``, by field."""
    with pytest.raises(InvalidSpec) as caught:
        JobRequest.model_validate(body)
    assert all(isinstance(error, FieldError) for error in caught.value.errors)
    return {error.field: error.message for error in caught.value.errors}


def refused_fields(**fields: Any) -> dict[str, str]:
    return refused({"kind": "screenshot", "url": "http://page.test/", **fields})


def refused_probe(**fields: Any) -> dict[str, str]:
    return refused({"kind": "probe", **fields})
