"""Make, list and revoke keys."""

from http import HTTPStatus

import structlog
from apiflask import APIBlueprint
from flask import Response, jsonify

from api.auth import Asked
from api.idempotency import once, tell
from api.schemas import BODY_REFUSED, problems
from farm.jobs.key_service import KeyRequest, KeyService
from farm.jobs.key_views import KeysView, KeyView, NewKeyView
from farm.jobs.repeats import make_key

_log = structlog.get_logger(__name__)


def blueprint(asked: Asked, service: KeyService) -> APIBlueprint:
    """Return the addresses of keys over ``service``, for who ``asked`` says."""
    keys = APIBlueprint("keys", __name__, url_prefix="/v1/keys", tag="Keys")

    @keys.post("")
    @keys.input(KeyRequest)
    @keys.output(NewKeyView, status_code=201)
    @keys.doc(
        summary="Make a key",
        description="`key` is shown this once; the farm keeps no more than its hash. The first key "
        "switches keys on: it needs the scope `keys`, and must not expire.",
        responses=problems(
            *BODY_REFUSED,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    def create(json_data: KeyRequest) -> Response:
        done = make_key(once(asked), service, json_data)
        key, text = done.made.key, done.made.text
        if text is not None:
            _log.info("key_made", key_id=key.id, scopes=key.scopes, zones=key.zones)
        told = None if text is None else str(text)
        return tell(_answer(NewKeyView(**KeyView.of(key).model_dump(), key=told), 201), done)

    @keys.get("")
    @keys.output(KeysView)
    @keys.doc(
        summary="List all keys, the oldest first, without their secrets",
        responses=problems(HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def list_keys() -> Response:
        return _answer(KeysView(items=tuple(map(KeyView.of, service.all()))))

    @keys.delete("/<key_id>")
    @keys.output(KeyView)
    @keys.doc(
        summary="Revoke a key",
        description="It is refused within a second, for good. Its jobs go on; nobody else sees "
        "them. The last key that can make keys for good cannot be revoked.",
        responses=problems(
            HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE
        ),
    )
    def revoke(key_id: str) -> Response:
        key = service.revoke(key_id)
        _log.info("key_revoked", key_id=key.id)
        return _answer(KeyView.of(key))

    return keys


def _answer(view: KeyView | KeysView, status: int = 200) -> Response:
    response = jsonify(view.model_dump(mode="json"))
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response
