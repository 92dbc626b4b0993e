"""Files that callers leave with the farm, to be probed."""

from http import HTTPStatus
from typing import cast

from apiflask import APIBlueprint
from flask import Response, jsonify, request

from api.auth import Asked
from api.bodies import StrictRequest, upload_chunks
from api.idempotency import once, tell
from api.schemas import BYTES, UploadQuery, no_content, problems
from farm.jobs.views import UploadView


def blueprint(asked: Asked, upload_max_bytes: int) -> APIBlueprint:
    """Return the addresses of uploads over what ``asked`` returns."""
    uploads = APIBlueprint("uploads", __name__, url_prefix="/v1/uploads", tag="Uploads")

    @uploads.post("")
    @uploads.input(UploadQuery, location="query")
    @uploads.output(UploadView, status_code=201)
    @uploads.doc(
        summary="Leave a file to be probed",
        description="The file is the raw body, or the field `file` of a multipart body.",
        responses=problems(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
        extensions={
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {"schema": dict(BYTES)},
                    "multipart/form-data": {
                        "schema": {
                            "type": "object",
                            "required": ["file"],
                            "properties": {"file": dict(BYTES)},
                        }
                    },
                },
            }
        },
    )
    def leave(query_data: UploadQuery) -> Response:
        farm = once(asked)
        name, media_type, chunks = upload_chunks(cast("StrictRequest", request), upload_max_bytes)
        done = farm.upload(query_data.filename or name, media_type, chunks)
        response = jsonify(UploadView.of(done.made).model_dump(mode="json"))
        response.status_code = HTTPStatus.CREATED
        return tell(response, done)

    @uploads.delete("/<upload_id>")
    @uploads.doc(
        summary="Forget an upload",
        responses={
            **no_content(HTTPStatus.NO_CONTENT, "It is forgotten"),
            **problems(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
        },
    )
    def forget(upload_id: str) -> Response:
        asked().forget_upload(upload_id)
        return Response(status=HTTPStatus.NO_CONTENT)

    return uploads
