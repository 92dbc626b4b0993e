"""What ``farm doctor`` prints: one row for each thing that an installed part looked at.

A part offers its checks under the entry-point group ``renderfarm.doctor``, as a
callable without arguments that returns an iterable of rows.
"""

from typing import NamedTuple


class DoctorRow(NamedTuple):
    """One check and what came of it."""

    name: str
    """What was looked at, in a few words."""
    ok: bool | None
    """``True`` if it is fine, ``False`` if jobs will fail; ``None`` is a warning at most."""
    detail: str
    """What was found or, if it is not fine, what to do about it."""
