"""What a page's form brings."""

from typing import Protocol

from api.bodies import FORM_MAX_BYTES, Form


class Posted(Protocol):
    """Returns the form that was sent.

    Refuses one that is not of the caller's own pages, so each view that changes anything
    has its form from here.
    """

    def __call__(self, fields_max_bytes: int = FORM_MAX_BYTES) -> Form:
        """Return it; its fields together may have so many bytes."""
