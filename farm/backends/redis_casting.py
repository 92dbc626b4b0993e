"""Jobs of moulds as ``file_chunk.lua`` takes them: what they share is encoded once."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from farm.backends.redis_filing import filing, owner_key, queued_key
from farm.jobs.batches.moulds import Cast, Mould


@dataclass
class _Encoded:
    """A mould as texts, in which id, URL, host and fingerprint have to be filled in."""

    record: str
    filing: str
    id_mark: str
    url_mark: str | None
    host_mark: str
    fingerprint_mark: str | None
    places: dict[tuple[str, str | None], int] = field(default_factory=dict)
    """Where in the chunk its filing for each host and fingerprint is."""

    @classmethod
    def of(cls, mould: Mould) -> "_Encoded":
        # The record is a text within the chunk's JSON, so it is written as one.
        record = json.dumps(mould.job.model_dump_json(exclude_unset=True))
        return cls(
            record=record,
            filing=json.dumps(filing(mould.job)),
            id_mark=mould.job.id,
            url_mark=mould.url_mark,
            host_mark=mould.job.host,
            fingerprint_mark=mould.job.fingerprint,
        )

    def filing_of(self, host: str, fingerprint: str | None) -> str:
        """Return the filing of a job with this host, ``""`` for the mould's, and fingerprint."""
        text = self.filing.replace(self.host_mark, host) if host else self.filing
        if self.fingerprint_mark is not None and fingerprint is not None:
            text = text.replace(self.fingerprint_mark, fingerprint)
        return text


def encoded(jobs: Sequence[Cast]) -> str:
    """Return a chunk of jobs as JSON."""
    moulds: dict[int, _Encoded] = {}
    filings: list[str] = []
    written: list[str] = []
    unfiled: Counter[str] = Counter()
    for cast in jobs:
        mould = moulds.get(id(cast.mould))
        if mould is None:
            mould = moulds[id(cast.mould)] = _Encoded.of(cast.mould)
        host, record = "", mould.record.replace(mould.id_mark, cast.id)
        if mould.url_mark is not None and cast.url is not None:
            # No URL of ours has a quote or a backslash: it needs no escape.
            host = urlsplit(cast.url).hostname or ""
            record = record.replace(mould.url_mark, cast.url)
        if mould.fingerprint_mark is not None and cast.fingerprint is not None:
            record = record.replace(mould.fingerprint_mark, cast.fingerprint)
        place = mould.places.get((host, cast.fingerprint))
        if place is None:
            filings.append(mould.filing_of(host, cast.fingerprint))
            place = mould.places[host, cast.fingerprint] = len(filings)
        written.append(f'["{cast.id}",{record},{place}]')
        job = cast.mould.job
        unfiled[f"farm:unfiled:{queued_key(job.queue)}"] += 1
        unfiled[f"farm:unfiled:{owner_key(job.owner)}"] += 1
    return (
        f'{{"filings":[{",".join(filings)}],"jobs":[{",".join(written)}],'
        f'"unfiled":{json.dumps(unfiled)}}}'
    )
