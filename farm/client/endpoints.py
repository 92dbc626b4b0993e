"""The farm's endpoints, one method for each; ``farm.client.http`` adds whole jobs to them."""

import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx

from farm.client import calls
from farm.client.addresses import Address
from farm.client.answers import clock_of, undamaged
from farm.client.calls import Progress
from farm.client.connection import Connection
from farm.client.downloads import artifact_download
from farm.jobs.farm_views import PressureView, WorkersView
from farm.jobs.key_views import KeysView, KeyView, NewKeyView
from farm.jobs.links import LinkView
from farm.jobs.views import JobsView, JobView, UploadView
from farm.jobs.workers import Readiness


class Endpoints:
    """One farm, request by request."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Set the client up; nothing is sent yet.

        Args:
            url: The farm's address. ``None`` means ``FARM_URL`` or, if that is not
                set, ``http://127.0.0.1:8000``. Proxy variables are heeded unless
                the farm is on this machine.
            key: The API key. ``None`` means ``FARM_KEY``, ``""`` means none.
            timeout_s: How long to wait for the farm's next byte, in seconds; on top
                of what it was asked to wait itself. Connecting gets 5 s at most.
            transport: What carries the requests; ``None`` means the network.
            sleep: Called with the seconds to pause.

        Raises:
            Misconfigured: Address or key cannot be used.
        """
        self._connection = Connection(
            Address.of(url, key, timeout_s), sleep=sleep, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Calling it twice does no harm."""
        self._connection.close()

    @property
    def url(self) -> str:
        """The farm's address, without a slash at the end."""
        return str(self._connection.address)

    @property
    def key_in_clear(self) -> bool:
        """Whether the key crosses a network unencrypted."""
        return self._connection.address.key_in_clear

    def submit(
        self, spec: Mapping[str, Any], *, wait_s: float = 0, idempotency_key: str | None = None
    ) -> JobView:
        """Hand in one job.

        Sent again after a broken connection or a passing trouble, as every request that
        makes something: by its idempotency key the farm knows it, and makes one job.

        Args:
            spec: What to do, with its ``kind``, as the API takes it.
            wait_s: How long the farm may wait for the job's end before it answers,
                in seconds, at most 60. The job need not have ended then.
            idempotency_key: Of your choice; ``None``: a new one. Within a day a second
                call with the same key and spec returns the job of the first, as it stands then.

        Raises:
            Misconfigured: The idempotency key is none.
            RequestInvalid: The spec is wrong; ``errors`` names each field. Or
                ``idempotency_conflict``: the key came with another spec.
            RequestRefused: The key or a limit forbids it; with the code ``queue_full``
                ``retry_after_s`` says when there should be room.
        """
        return self._connection.ask(calls.submit(spec, wait_s, idempotency_key), JobView)

    def job(self, job_id: str, *, wait_s: float = 0) -> JobView:
        """Return the job as it stands, or once it has ended within ``wait_s`` (at most 30)."""
        return self._connection.ask(calls.job(job_id, wait_s), JobView)

    def jobs(self, *, limit: int = 50, cursor: str | None = None, **wanted: str) -> JobsView:
        """Return one page of the farm's jobs, newest first; ``all_jobs`` goes through all.

        Args:
            limit: How many, at most 200. There may be fewer, even none, before the end.
            cursor: ``next`` of the page before; ``None`` for the first.
            wanted: Which: by ``state``, ``kind``, ``batch``, ``tag``, ``host`` (of their
                URL) and ``error`` (code of their failure). All that is given must hold.

        Raises:
            RequestInvalid: There is no such state, kind or field.
        """
        return self._connection.ask(calls.jobs(wanted, limit, cursor), JobsView)

    def retry(
        self,
        job_id: str,
        *,
        secrets: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> JobView:
        """Queue a failed or cancelled job again, with all its attempts before it.

        Args:
            job_id: The job.
            secrets: The headers, cookies, credentials or storage that it was submitted
                with, by field: the farm dropped them when it ended.
            idempotency_key: Of your choice; ``None``: a new one. Within a day a second
                call with the same key does nothing and returns the job as it stands.

        Raises:
            Misconfigured: The idempotency key is none.
            RequestInvalid: ``nothing_to_retry``: it is open, or it succeeded. Or
                ``secrets_needed``: it had secrets; ``errors`` names each field.
        """
        return self._connection.ask(calls.retry(job_id, secrets, idempotency_key), JobView)

    def deliver_again(self, job_id: str) -> JobView:
        """Deliver an ended job's webhook again, with all its attempts.

        Raises:
            RequestInvalid: ``not_finished``, or ``nothing_to_deliver``: it has none.
        """
        return self._connection.ask(calls.deliver_again(job_id), JobView)

    def result(self, job_id: str) -> bytes:
        """Return the job's main artifact.

        Raises:
            RequestInvalid: ``not_finished``, ``job_failed`` or ``artifact_evicted``.
            DamagedArtifact: Other bytes came than the job made.
        """
        return undamaged(self._connection.fetch(calls.result(job_id)))

    def artifact(self, job_id: str, name: str) -> bytes:
        """Return one of the job's artifacts; raises as ``result`` does."""
        return undamaged(self._connection.fetch(calls.artifact(job_id, name)))

    def link(self, job_id: str, name: str, *, expires_in_s: int = 3600) -> LinkView:
        """Return a link with which anybody can read one of the job's artifacts, for a while.

        Args:
            job_id: The job, which must have succeeded.
            name: The artifact's name.
            expires_in_s: For how long, in seconds, at most a week.

        Returns:
            Its ``url`` is whole, on the address that this client knows the farm by.

        Raises:
            RequestInvalid: ``not_finished``, ``job_failed`` or ``unknown_artifact``.
        """
        made = self._connection.ask(calls.link(job_id, name, expires_in_s), LinkView)
        return made.model_copy(update={"url": f"{self.url}{made.url}"})

    def save_artifact(
        self,
        job: JobView | str,
        name: str,
        path: str | os.PathLike[str],
        *,
        patience_s: float = 0,
    ) -> None:
        """Write one of the job's artifacts to ``path``, whole or not at all.

        It is never whole in memory. What was at ``path`` stays until the new bytes
        are there and their SHA-256 is the one that the job tells. What breaks off is
        fetched anew.

        Args:
            job: The job or, at the cost of one request more, its id.
            name: The artifact's name.
            path: The file to make or replace. Its folder must exist.
            patience_s: For how long to go on trying while the farm is away, in seconds.

        Raises:
            RequestInvalid: ``not_finished``, ``job_failed`` or ``unknown_artifact``.
            DamagedArtifact: Other bytes came than the job made.
            NotSaved: The file cannot be written.
        """
        view = self.job(job) if isinstance(job, str) else job
        self._connection.download(artifact_download(view, name, Path(path), patience_s))

    def cancel(self, job_id: str) -> JobView | None:
        """Cancel an open job and return it.

        A job that has ended already is forgotten with its artifacts; then the
        answer is ``None``. Never sent again, as the second time would do that.
        """
        return self._connection.ask_for_any(calls.cancel(job_id), JobView)

    def upload(
        self,
        path: str | os.PathLike[str],
        *,
        on_progress: Progress | None = None,
        idempotency_key: str | None = None,
    ) -> UploadView:
        """Leave a file with the farm, for a probe. It is never whole in memory.

        Args:
            path: The file; its name, without folders, is told to the farm.
            on_progress: Called after each piece that is sent.
            idempotency_key: Of your choice; ``None``: a new one. Within a day a second
                call with the same key and bytes returns the upload of the first.

        Raises:
            Misconfigured: The idempotency key is none.
            RequestInvalid: ``payload_too_large``; or ``idempotency_conflict``: the key came
                with other bytes.
            OSError: The file cannot be read.
        """
        call = calls.upload(Path(path), on_progress, idempotency_key)
        return self._connection.ask(call, UploadView)

    def forget_upload(self, upload_id: str) -> None:
        """Drop an upload now instead of when it expires."""
        self._connection.fetch(calls.forget_upload(upload_id))

    def pressure(self) -> PressureView:
        """Return how busy the farm is, and whether it takes further jobs."""
        return self._connection.ask(calls.pressure(), PressureView)

    def workers(self) -> WorkersView:
        """Return the workers, their children, and what each runs now."""
        return self._connection.ask(calls.workers(), WorkersView)

    def create_key(self, name: str, **wanted: object) -> NewKeyView:
        """Make a key. Its ``key`` is told this once.

        Args:
            name: Whose it is, for people.
            wanted: ``scopes``, ``zones``, ``expires_in`` (seconds), ``open_jobs_max``,
                ``requests_per_minute``.

        Raises:
            RequestInvalid: A field is wrong, or the first key could not make others.
            RequestRefused: It takes the scope ``keys``.
        """
        return self._connection.ask(calls.create_key({"name": name, **wanted}), NewKeyView)

    def keys(self) -> KeysView:
        """Return all keys without their secrets, the oldest first, those that ended too."""
        return self._connection.ask(calls.keys(), KeysView)

    def revoke_key(self, key_id: str) -> KeyView:
        """End a key, for good.

        Raises:
            RequestInvalid: ``unknown_key``, or ``would_lock_out``: it is the last one that
                can make keys for good.
        """
        return self._connection.ask(calls.revoke_key(key_id), KeyView)

    def metrics(self) -> str:
        """Return what the farm counts and measures of itself, in the text format of Prometheus.

        Raises:
            RequestRefused: It takes the scope ``farm:read``.
        """
        return self._connection.fetch(calls.metrics()).text

    def clock(self) -> datetime:
        """Return what time it is for the API, to the second.

        Raises:
            UnreadableAnswer: It does not say.
        """
        return clock_of(self._connection.fetch(calls.alive()))

    def ready(self) -> Readiness:
        """Return whether the farm can run jobs now and, check by check, why not.

        Not tried again: this is the question whether it is there.
        """
        return self._connection.ask(calls.ready(), Readiness)
