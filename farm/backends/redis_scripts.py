"""The scripts that Redis runs, and the parts that several of them share."""

from importlib.resources import files

from redis import Redis
from redis.commands.core import Script


def script(client: Redis, name: str, *parts: str) -> Script:
    """Return the script in ``{name}.lua``, with the functions of ``parts`` before it."""
    text = "".join(
        files("farm.backends").joinpath(f"{part}.lua").read_text(encoding="utf-8")
        for part in (*parts, name)
    )
    return client.register_script(text)
