"""Texts that several groups of options take, with their limits."""

from typing import Annotated

from pydantic import Field, StringConstraints

from farm.jobs.specs.base import LISTED

CODE_MAX_CHARACTERS = 64 * 1024
SELECTOR_MAX_CHARACTERS = 1000

_SELECTORS_MAX = 50

Selector = Annotated[str, StringConstraints(min_length=1, max_length=SELECTOR_MAX_CHARACTERS)]
Selectors = Annotated[tuple[Selector, ...], LISTED, Field(max_length=_SELECTORS_MAX)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=CODE_MAX_CHARACTERS)]
