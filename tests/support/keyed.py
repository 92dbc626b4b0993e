"""A farm over memory that has keys, as callers with them meet it."""

from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.settings import ApiSettings
from farm.jobs.key_service import KeyRequest, KeyService
from farm.jobs.keys import ALL_SCOPES
from tests.support.builders import MemoryFarm

SPEC = {"kind": "screenshot", "url": "http://page.test/"}


class Holder:
    """Who has a key."""

    def __init__(self, app: Flask, key_id: str, text: str) -> None:
        self.key_id = key_id
        self.text = text
        self._client = app.test_client()

    def call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **sent: Any
    ) -> TestResponse:
        bearer = {"Authorization": f"Bearer {self.text}"}
        return self._client.open(path, method=method, headers={**bearer, **(headers or {})}, **sent)

    def get(self, path: str, **sent: Any) -> TestResponse:
        return self.call("GET", path, **sent)

    def submit(self, **fields: Any) -> TestResponse:
        return self.call("POST", "/v1/jobs", json={**SPEC, **fields})


class KeyedFarm(MemoryFarm):
    """Has one key, which may do all, and makes more."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.app = create_app(ApiSettings(**settings), self.service)
        self.operator = self.holder(*ALL_SCOPES, zones=["public", "internal"])

    def holder(self, *scopes: str, **fields: Any) -> Holder:
        """Make a key with ``scopes``; without any it has those that a key has by itself."""
        wanted = {"name": "a key", **fields, **({"scopes": scopes} if scopes else {})}
        # As another process of the farm would; this one learns of it when it reads again.
        key, text = KeyService(self.keys, self.clock).create(KeyRequest.model_validate(wanted))
        return Holder(self.app, key.id, str(text))

    @property
    def client(self) -> FlaskClient:
        """Somebody without a key."""
        return self.app.test_client()
