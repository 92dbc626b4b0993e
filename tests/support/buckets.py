"""Buckets as anybody sees them who has a key."""

import obstore
from obstore.store import S3Store

from farm.backends.buckets import Bucket


def plain(bucket: Bucket) -> S3Store:
    return S3Store(
        bucket.name,
        endpoint=str(bucket.endpoint),
        region=bucket.region,
        access_key_id="any",
        secret_access_key="any",
        client_options={"allow_http": True},
    )


def objects(bucket: Bucket) -> list[str]:
    return [each["path"] for page in obstore.list(plain(bucket)) for each in page]
