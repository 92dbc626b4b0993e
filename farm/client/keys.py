"""The command ``farm keys``: make, list and revoke keys; for whoever runs the farm."""

from collections.abc import Sequence

import click

from farm.client.http import FarmClient
from farm.client.options import given
from farm.client.output import STDOUT, plain, print_json
from farm.client.tables import Paper, columns
from farm.jobs.key_views import KeyView
from farm.jobs.keys import ALL_SCOPES
from farm.jobs.models import ALL_ZONES

_HEAD = ("id", "name", "state", "scopes", "zones", "created", "expires")
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def keys() -> None:
    """Make, list and revoke keys.

    The first key is made on the farm's own machine, and switches keys on: from then
    on every caller needs one. Making another takes a key with the scope keys.
    """


@keys.command()
@click.option("--name", required=True, help="Whose it is, for people.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(ALL_SCOPES),
    multiple=True,
    help="What it may do.  [repeatable; default: jobs:read, jobs:write, uploads]",
)
@click.option(
    "--zone",
    "zones",
    type=click.Choice(ALL_ZONES),
    multiple=True,
    help="Where its jobs may lead.  [repeatable; default: public]",
)
@click.option(
    "--expires-in", type=int, metavar="SECONDS", help="When it ends by itself.  [default: never]"
)
@click.option(
    "--open-jobs-max",
    type=int,
    help="Its jobs that may wait or run.  [default: as FARM_OPEN_JOBS_MAX says]",
)
@click.option("--requests-per-minute", type=int, help="[default: as FARM_REQUESTS_PER_MINUTE says]")
@_json_option
@click.pass_obj
def create(client: FarmClient, /, *, as_json: bool, **wanted: object) -> None:
    """Make a key and print it: the only time that it can be seen.

    The first one needs --scope keys, and no --expires-in.
    """
    made = client.create_key(
        **{name: value for name, value in given(wanted).items() if value != ()}
    )
    if as_json:
        print_json(made)
        return
    click.echo(plain(made.key or ""))
    click.echo(f"Key {plain(made.id)} for {plain(made.name)}. It is not shown again.", err=True)


@keys.command("list")
@_json_option
@click.pass_obj
def list_keys(client: FarmClient, /, *, as_json: bool) -> None:
    """List all keys, the oldest first, without their secrets."""
    found = client.keys()
    if as_json:
        print_json(found)
        return
    if not found.items:
        click.echo("There are no keys: whoever reaches the farm may do all.", err=True)
        return
    for line in columns(_HEAD, [_cells(key) for key in found.items], Paper.of(STDOUT)):
        click.echo(line)


@keys.command()
@click.argument("key_id", metavar="ID")
@_json_option
@click.pass_obj
def revoke(client: FarmClient, /, key_id: str, *, as_json: bool) -> None:
    """End a key, for good; it is refused within a second."""
    revoked = client.revoke_key(key_id)
    if as_json:
        print_json(revoked)
        return
    click.echo(f"{plain(revoked.id)}  revoked")


def _cells(key: KeyView) -> Sequence[str]:
    shown = key.model_dump(mode="json")
    state = "revoked" if key.revoked_at else "active"
    lists = (",".join(key.scopes), ",".join(key.zones))
    times = (shown["created_at"], shown["expires_at"] or "never")
    return [plain(cell) for cell in (key.id, key.name, state, *lists, *times)]
