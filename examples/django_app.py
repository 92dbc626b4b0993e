"""A Django site in one file that shows pages and probes uploads; the work is the farm's.

``python django_app.py runserver``. Django's own reloader starts the site anew whenever its
code changes: there is no browser that it could leave behind.
"""

import sys
import tempfile
from pathlib import Path

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from farm.client.async_http import AsyncFarmClient
from farm.client.errors import JobNotSucceeded
from farm.client.http import FarmClient

settings.configure(
    DEBUG=True,
    SECRET_KEY="for the example",  # noqa: S106 - it guards nothing here
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
)
django.setup()

farm = FarmClient()
"""For all threads of this process; nothing is connected before its first use."""


def picture(request: HttpRequest) -> HttpResponse:
    """Show the page at ``?url=``."""
    try:
        made = farm.screenshot(request.GET["url"])
    except JobNotSucceeded as error:
        return HttpResponse(f"{error.code}: {error}", status=422, content_type="text/plain")
    return HttpResponse(made, content_type="image/png")


def probe(request: HttpRequest) -> HttpResponse:
    """Say what the uploaded file is."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "upload"
        file.write_bytes(request.body)
        return JsonResponse(farm.probe(file)["summary"])


async def title(request: HttpRequest) -> HttpResponse:
    """Say the title of the page at ``?url=``, without keeping a thread for it."""
    # In an event loop that may be another at the next request, a client lasts for one.
    async with AsyncFarmClient() as awaited:
        content = await awaited.content(request.GET["url"])
    return JsonResponse({"title": content["title"]})


urlpatterns = [path("picture", picture), path("probe", csrf_exempt(probe)), path("title", title)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
