"""Process entry: ``celery -A tasks.worker worker -Q pages`` (or ``media``)."""

import sys

from farm.jobs.errors import ConfigError
from tasks.app import make_celery
from tasks.settings import WorkerSettings

try:
    app = make_celery(WorkerSettings.from_environment())
except ConfigError as error:
    sys.exit(error.message)
