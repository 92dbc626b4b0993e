"""What a page's form brings."""

from collections.abc import Callable

from api.bodies import Form

Posted = Callable[[], Form]
"""Returns the form that was sent.

Refuses one that is not of the caller's own pages, so each view that changes anything
has its form from here.
"""
