"""Jobs that come over Celery instead of HTTP, from callers who reach the broker anyway.

Into the same ledger, by the same rules: the spec is checked as at the door, and the job is
some key's, with its scopes, zones and limits, in a farm that has keys. The key is named by
its id, which is no secret: whoever can write to the broker could write to the ledger.
"""

import re
from dataclasses import dataclass

from farm.jobs.errors import FieldError, InvalidSpec, KeyRefused, ScopeRequired
from farm.jobs.keys import ANYBODY, Caller, Scope
from farm.jobs.service import JobService
from farm.jobs.specs.requests import JobRequest

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{22,64}", re.ASCII)
"""Celery's own ids are, and whatever else has 128 bits and fits into an address."""
_SCOPE: Scope = "jobs:write"


@dataclass(frozen=True)
class Submissions:
    """What those callers may ask of ``farm``."""

    farm: JobService

    def submit(self, job_id: str, spec: object, key_id: str | None) -> None:
        """Store a job for ``spec`` and announce it, unless there is one with this id already.

        So a message that comes twice makes one job.

        Raises:
            InvalidSpec: The spec or the id is wrong.
            KeyRefused: The farm has keys, and this is none that is good.
            ScopeRequired: The key was not given what it takes.
            QueueFull: As many jobs wait as may. Nothing was stored.
        """
        if not _JOB_ID.fullmatch(job_id):
            message = "must be 22 to 64 letters, digits, hyphens and underscores"
            raise InvalidSpec([FieldError(field="task_id", message=message)])
        farm = self.farm.on_behalf_of(self._caller(key_id))
        wanted = JobRequest.model_validate(spec).root
        farm.check(wanted)
        farm.store(farm.drafted(wanted, job_id))

    def _caller(self, key_id: str | None) -> Caller:
        if key_id is None:
            if self.farm.keys.exists():
                raise KeyRefused("This farm has keys: name the id of the one whose job it is.")
            return ANYBODY
        key = self.farm.keys.get(key_id)
        if key is None or not key.is_good(self.farm.clock.now()):
            raise KeyRefused("There is no such key, or it is no longer good.")
        caller = Caller.of(key)
        if _SCOPE not in caller.scopes:
            raise ScopeRequired(_SCOPE)
        return caller
