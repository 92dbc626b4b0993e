"""What all specs stand on: how strict they are, their groups, the options of every job.

Page options have Playwright's Python names and milliseconds
(https://playwright.dev/python/docs/api/class-page). A spec is the same in a
request, on the command line and in the record of a job.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from farm.jobs.urls import normalise_url

Rules = Sequence[Mapping[str, Any]]
"""JSON schemas that a spec must be as, each of them."""

WRITE_ONLY: Mapping[str, Any] = {"writeOnly": True}
"""Marks a field (in OpenAPI's own word) whose value no answer ever shows."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - Standard Webhooks' own
_SECRET_MIN_BYTES = 24
_SECRET_MAX_BYTES = 64
_METADATA_KEYS_MAX = 16
_METADATA_CHARACTERS_MAX = 2048


def _check_url(value: str) -> str:
    try:
        return normalise_url(value)
    except ValueError as error:
        raise PydanticCustomError("url", "{reason}", {"reason": str(error)}) from None


def _check_receiver(url: str) -> str:
    # httpx, which delivers, writes such an address to its proxy without the brackets.
    if "://[" in url:
        raise PydanticCustomError("url", "must have a name or an IPv4 address as its host")
    return url


def secret_bytes(secret: str) -> bytes:
    """Return the key that a ``webhook_secret`` stands for.

    Raises:
        ValueError: It is none.
    """
    encoded = secret.removeprefix(SECRET_PREFIX)
    if encoded == secret:
        raise ValueError(f"must begin with {SECRET_PREFIX}")
    try:
        found = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not _SECRET_MIN_BYTES <= len(found) <= _SECRET_MAX_BYTES:
        raise ValueError(
            f"must have {_SECRET_MIN_BYTES} to {_SECRET_MAX_BYTES} bytes in base64 behind "
            f"{SECRET_PREFIX}"
        )
    return found


def _check_secret(value: str) -> str:
    try:
        secret_bytes(value)
    except ValueError as error:
        raise PydanticCustomError("secret", "{reason}", {"reason": str(error)}) from None
    return value


Url = Annotated[str, AfterValidator(_check_url)]
WebhookUrl = Annotated[Url, AfterValidator(_check_receiver)]
Secret = Annotated[str, AfterValidator(_check_secret)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=64)]
# The limit also makes pydantic refuse what is no Unicode text, as any constraint does.
MetadataValue = Annotated[str, StringConstraints(max_length=_METADATA_CHARACTERS_MAX)]
Priority = Literal["low", "normal", "high"]

LISTED = Strict(strict=False)
"""Lets a tuple be given as JSON's only sequence, the list."""

Tags = Annotated[
    tuple[Tag, ...],
    LISTED,
    Field(max_length=16, description="To find the job again.", examples=[["shop", "nightly"]]),
]


class Model(BaseModel):
    """Strict and closed: ``"1280"`` is no number and an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class OptionGroup(Model):
    """A part of a spec; the first line of its docstring is its heading in docs and help.

    A kind's spec is put together of groups by inheritance, and stays flat.
    """

    schema_rules: ClassVar[Rules] = ()
    """What JSON Schema can say of the group's rules about several fields."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's hook
        schema: dict[str, Any] = handler(core_schema)
        rules = [rule for base in cls.__mro__ for rule in vars(base).get("schema_rules", ())]
        if rules:
            handler.resolve_ref_schema(schema)["allOf"] = rules
        return schema


def given(field: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON schema of a spec where ``field`` stands and is as ``schema``; or not null."""
    return {
        "required": [field],
        "properties": {field: dict(schema or {"not": {"type": "null"}})},
    }


def never(*schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a spec that is not as all of ``schemas``."""
    return {"not": {"allOf": list(schemas)}}


def groups(spec: type[BaseModel]) -> dict[str, dict[str, FieldInfo]]:
    """Return the fields of ``spec`` by heading of their group, in the order of the groups."""
    found: dict[str, dict[str, FieldInfo]] = {}
    for base in reversed(spec.__mro__):
        if issubclass(base, OptionGroup) and base not in {OptionGroup, spec}:
            names = [name for name in base.__annotations__ if name in spec.model_fields]
            heading = (base.__doc__ or "").partition("\n")[0].rstrip(".")
            if names:
                found[heading] = {name: spec.model_fields[name] for name in names}
    return found


def mistake(field: str, message: str, **values: object) -> PydanticCustomError:
    """Return the error of a rule about several fields, laid at the door of ``field``."""
    return PydanticCustomError(f"field:{field}", message, values)


class WebhookOptions(OptionGroup):
    """The webhook."""

    schema_rules: ClassVar[Rules] = ({"if": given("webhook_secret"), "then": given("webhook_url")},)

    webhook_url: Annotated[
        WebhookUrl | None,
        Field(
            description="Where to POST the job once it has ended. `https`, or what the operator "
            "allows of the farm's own network.",
            examples=["https://example.com/hooks/farm"],
        ),
    ] = None
    webhook_secret: Annotated[
        Secret | None,
        Field(
            description="What to sign it with: `whsec_` and 24 to 64 bytes in base64. Without it "
            "the key's own secret signs, if there is one.",
            examples=["whsec_bm90IGEgc2VjcmV0LCBidXQgYW4gZXhhbXBsZQ=="],
            json_schema_extra=dict(WRITE_ONLY),
        ),
    ] = None

    @model_validator(mode="after")
    def _check_webhook(self) -> Self:
        if self.webhook_secret is not None and self.webhook_url is None:
            raise mistake("webhook_secret", "needs a webhook_url")
        return self


class JobOptions(WebhookOptions):
    """The job."""

    priority: Annotated[
        Priority,
        Field(description="Which jobs go first when workers are busy.", examples=["high"]),
    ] = "normal"
    tags: Tags = ()
    metadata: Annotated[
        dict[MetadataKey, MetadataValue],
        Field(
            max_length=_METADATA_KEYS_MAX,
            description=f"Echoed back. Together at most {_METADATA_CHARACTERS_MAX} characters.",
            examples=[{"order": "7"}],
        ),
    ] = {}
    expires_in: Annotated[
        int | None,
        Field(
            ge=1,
            le=604_800,
            description="Seconds after which the job fails with `queue_timeout` if no worker "
            "has taken it.",
            examples=[300],
        ),
    ] = None
    max_attempts: Annotated[
        int,
        Field(
            ge=1, le=10, description="How often the job may be handed to a worker.", examples=[1]
        ),
    ] = 3
    retention: Annotated[
        int,
        Field(
            ge=60,
            le=2_592_000,
            description="Seconds for which record and result are kept once the job has ended.",
            examples=[3600],
        ),
    ] = 86_400
    cache_ttl: Annotated[
        int,
        Field(
            ge=0,
            le=2_592_000,
            description="Seconds: how old the result of an identical job of yours may be that is "
            "taken instead of a run. 0: none is. Only jobs that have it give results to others.",
            examples=[3600],
        ),
    ] = 0
    fresh: Annotated[
        bool,
        Field(
            description="Run all the same; the result is there for others with `cache_ttl`.",
            examples=[True],
        ),
    ] = False

    @model_validator(mode="after")
    def _check_metadata(self) -> Self:
        if sum(len(key) + len(value) for key, value in self.metadata.items()) > (
            _METADATA_CHARACTERS_MAX
        ):
            raise mistake(
                "metadata",
                "keys and values together exceed {limit} characters",
                limit=_METADATA_CHARACTERS_MAX,
            )
        return self
