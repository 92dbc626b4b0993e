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
    """A mould as texts, in which the id, the URL and its host have to be filled in."""

    record: str
    filing: str
    id_mark: str
    url_mark: str | None
    host_mark: str
    places: dict[str, int] = field(default_factory=dict)
    """Where in the chunk its filing for each host is."""

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
        )


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
        place = mould.places.get(host)
        if place is None:
            text = mould.filing.replace(mould.host_mark, host) if host else mould.filing
            filings.append(text)
            place = mould.places[host] = len(filings)
        written.append(f'["{cast.id}",{record},{place}]')
        job = cast.mould.job
        unfiled[f"farm:unfiled:{queued_key(job.queue)}"] += 1
        unfiled[f"farm:unfiled:{owner_key(job.owner)}"] += 1
    return (
        f'{{"filings":[{",".join(filings)}],"jobs":[{",".join(written)}],'
        f'"unfiled":{json.dumps(unfiled)}}}'
    )
