"""Process entry of the API: ``gunicorn 'api.wsgi:create()'``."""

import sys
from dataclasses import replace

from flask import Flask

from api.app import create_app
from api.auth import say_who_may_call
from api.settings import ApiSettings
from farm.backends import logs
from farm.backends.assembly import assemble_from
from farm.backends.redis_connection import connect
from farm.jobs.errors import ConfigError
from farm.jobs.key_service import KeyService
from farm.jobs.service import Limits

_CANNOT_LOAD = 4  # gunicorn's own: its main process ends, where it would try again and again.


def create() -> Flask:
    """Return the app that the environment describes; leave with the reason if it is wrong."""
    try:
        settings = ApiSettings.from_environment()
        client = connect(settings.redis_url)
        service = assemble_from(settings, waiters_max=settings.waiters_max, client=client)
    except ConfigError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(_CANNOT_LOAD)
    logs.configure()
    limits = Limits(
        backlog_max=settings.backlog_max,
        owner_max=settings.open_jobs_max,
        batch_items_max=settings.batch_items_max,
    )
    say_who_may_call(KeyService(service.keys, service.clock))
    return create_app(settings, replace(service, limits=limits), client.connection_pool)
