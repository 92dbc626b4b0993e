"""A FastAPI app that shows pages and probes files; the work is the farm's.

``uvicorn --reload fastapi_app:app``. A reload ends this process alone: it has started no
browser and no ffprobe that could be left behind, and needs no event loop that can. What it
has submitted goes on meanwhile.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response

from farm.client.async_http import AsyncFarmClient
from farm.client.errors import ClientError, JobNotSucceeded
from farm.client.http import FarmClient


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # One client of each sort for the life of the app: they keep their connections.
    async with AsyncFarmClient() as awaited:
        with FarmClient() as plain:
            app.state.awaited, app.state.plain = awaited, plain
            yield


app = FastAPI(lifespan=_lifespan)


def _awaited(request: Request) -> AsyncFarmClient:
    client: AsyncFarmClient = request.app.state.awaited
    return client


def _plain(request: Request) -> FarmClient:
    client: FarmClient = request.app.state.plain
    return client


@app.exception_handler(ClientError)
async def _explain(_: Request, error: ClientError) -> Response:
    # That a page cannot be shown is no fault of this app; that there is no farm may pass.
    status = 422 if isinstance(error, JobNotSucceeded) else 503
    return Response(f"{error.code}: {error}", status, media_type="text/plain")


@app.get("/picture")
async def picture(url: str, farm: Annotated[AsyncFarmClient, Depends(_awaited)]) -> Response:
    """Wait for the picture; other requests are answered meanwhile."""
    return Response(await farm.screenshot(url), media_type="image/png")


@app.get("/probe")
def probe(url: str, farm: Annotated[FarmClient, Depends(_plain)]) -> dict[str, Any]:
    """Wait in one of FastAPI's threads: a view that is no coroutine may use the plain client."""
    summary: dict[str, Any] = farm.probe(url)["summary"]
    return summary


@app.post("/jobs", status_code=202)
async def submit(
    kind: str, url: str, farm: Annotated[AsyncFarmClient, Depends(_awaited)]
) -> dict[str, str]:
    """Hand a job in and answer at once; it outlives this process."""
    return {"id": (await farm.submit({"kind": kind, "url": url})).id}


@app.get("/jobs/{job_id}")
async def result(job_id: str, farm: Annotated[AsyncFarmClient, Depends(_awaited)]) -> Response:
    """Answer with what the job made, once it has."""
    job = await farm.wait(job_id, timeout_s=60)
    if not job.artifacts:
        raise HTTPException(422, job.failure.code if job.failure else job.state.value)
    return Response(await farm.result(job_id), media_type=job.artifacts[0].media_type)
