"""What of a spec is a caller's secret: it leaves the record when the job has ended."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from farm.jobs.errors import FieldError, InvalidSpec, SecretsNeeded
from farm.jobs.specs.requests import SPECS, JobRequest, JobSpec

_OF_THE_WEBHOOK = "webhook_secret"
"""Signs what is told of the job's end, for as long as its record can be told of again."""


def is_secret(spec: type[JobSpec], name: str) -> bool:
    """Return whether no answer may show the field's value."""
    extra = spec.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("writeOnly"))


SECRET_FIELDS: Sequence[str] = sorted(
    {
        name
        for spec in SPECS.values()
        for name in spec.model_fields
        if is_secret(spec, name) and name != _OF_THE_WEBHOOK
    }
)
"""Those of any kind that are dropped with the job's end."""


def given_secrets(spec: JobSpec) -> tuple[str, ...]:
    """Return the names of the secrets that ``spec`` has and a run alone needs."""
    return tuple(name for name in SECRET_FIELDS if getattr(spec, name, None))


def without_secrets(spec: JobSpec) -> JobSpec:
    """Return ``spec`` as if these had not been given."""
    dropped = given_secrets(spec)
    if not dropped:
        return spec
    kept = {name: getattr(spec, name) for name in spec.model_fields_set - set(dropped)}
    return type(spec).model_construct(**kept)


def with_secrets(spec: JobSpec, dropped: Collection[str], given: Mapping[str, Any]) -> JobSpec:
    """Return ``spec`` with the secrets that it was once ``given``.

    Args:
        spec: What is left of it.
        dropped: Names of those that were taken out.
        given: Them anew, as JSON has them.

    Raises:
        SecretsNeeded: One is missing.
        InvalidSpec: There is one too many, or one is wrong.
    """
    surplus = [name for name in given if name not in dropped]
    if surplus:
        message = "is not among the secrets that the job was submitted with"
        raise InvalidSpec([FieldError(field=name[:100], message=message) for name in surplus])
    missing = [name for name in dropped if not given.get(name)]
    if missing:
        raise SecretsNeeded(missing)
    if not dropped:
        return spec
    known = spec.model_dump(mode="json", exclude_unset=True)
    return JobRequest.model_validate({**known, **given}).root
