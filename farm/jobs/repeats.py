"""What else may be asked twice under one idempotency key: keys, links and webhooks."""

from dataclasses import dataclass

from farm.jobs.batches.models import Standing
from farm.jobs.batches.service import Batches
from farm.jobs.errors import UnknownKey
from farm.jobs.idempotency import Done, Once
from farm.jobs.key_service import KeyRequest, KeyService
from farm.jobs.keys import ApiKey, KeyText, new_key_id
from farm.jobs.links import Links, LinkView
from farm.jobs.models import Job, new_id
from farm.jobs.signing import RotationRequest, SigningSecrets
from farm.jobs.webhooks import Webhooks


@dataclass(frozen=True)
class MadeKey:
    """A key that was asked for."""

    key: ApiKey
    text: KeyText | None
    """``None`` if it was made before: nobody can be told again."""


def make_key(once: Once, keys: KeyService, wanted: KeyRequest) -> Done[MadeKey]:
    """Make a key, or return the one that was made, without its text.

    What is reserved is its id. Raises as ``KeyService.create`` does.
    """
    if once.key is None:
        return Done(MadeKey(*keys.create(wanted)), is_replay=False)
    keys.check(wanted)
    asked = wanted.model_dump(mode="json", exclude_unset=True)
    key_id = once.reserved("POST /v1/keys", asked, new_key_id()).made
    text = KeyText.new(key_id)
    made = keys.make(wanted, text)
    if made is not None:
        return Done(MadeKey(made, text), is_replay=False)
    before = keys.find(key_id)
    if before is None:
        raise UnknownKey(key_id)
    return Done(MadeKey(before, None), is_replay=True)


def make_link(once: Once, links: Links, path: str, expires_in_s: int) -> Done[LinkView]:
    """Make a link to what is at ``path``, or the very one that was made; its end is reserved."""
    expires, is_replay = links.end_of(expires_in_s), False
    if once.key is not None:
        asked = {"expires_in": expires_in_s}
        found = once.reserved(f"POST {path}/link", asked, str(expires))
        expires, is_replay = int(found.made), found.is_replay
    return Done(links.link(path, expires), is_replay=is_replay)


def rotate_secret(once: Once, wanted: RotationRequest) -> Done[SigningSecrets]:
    """Put a new signing secret in use, or return those there are; its id is reserved."""
    webhooks = Webhooks(once.service)
    if once.key is None:
        return Done(webhooks.rotate(wanted), is_replay=False)
    found = once.reserved("POST /v1/webhooks/secret", wanted.model_dump(mode="json"), new_id())
    return Done(webhooks.rotate(wanted, found.made), is_replay=found.is_replay)


def deliver_again(once: Once, job_id: str) -> Done[Job]:
    """Have a webhook delivered again, unless that was done; raises as ``Webhooks`` does.

    Reserved once it is done: twice does no harm, for a receiver tells one message by its id.
    """
    path = f"POST /v1/jobs/{job_id}/webhook"
    if once.key is not None and once.was_asked(path):
        return Done(once.service.get(job_id), is_replay=True)
    job = Webhooks(once.service).deliver_again(job_id)
    if once.key is not None:
        once.reserved(path, None, new_id())
    return Done(job, is_replay=False)


def deliver_batch_again(once: Once, batch_id: str) -> Done[Standing]:
    """Have a batch's webhook delivered again; as ``deliver_again``."""
    path = f"POST /v1/batches/{batch_id}/webhook"
    if once.key is not None and once.was_asked(path):
        return Done(Batches(once.service).get(batch_id), is_replay=True)
    standing = Webhooks(once.service).deliver_batch_again(batch_id)
    if once.key is not None:
        once.reserved(path, None, new_id())
    return Done(standing, is_replay=False)
