"""A network of this process's own, in which every address there is leads to this machine.

So ``169.254.169.254``, ``10.0.0.5`` and the "public" ``93.184.216.34`` are all real,
reachable and harmless. Whatever this process starts lives in it too, and it is gone when
the last of them is: there is nothing to clean up.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.neighbours import need

NAME_SERVER = "192.0.2.53"
_NIC_ADDRESS = "192.168.77.2"
"""Of the one interface that looks like a network card: WebRTC wants one."""

_CLONE_NEWNS = 0x00020000  # linux/sched.h
_CLONE_NEWNET = 0x40000000
_RESOLV_CONF = f"nameserver {NAME_SERVER}\noptions timeout:2 attempts:1\n"
_HOSTS = "127.0.0.1 localhost\n::1 localhost\n"


class NoNamespace(Exception):
    """This process may not have a network of its own; the message says why."""


def enter_own_network(folder: Path) -> None:
    """Put this process into new network and mount namespaces, for good.

    Threads that run already stay behind; what is started from now on comes along.
    ``folder`` must last as long as the process: its files stand for those of ``/etc``.

    Raises:
        NoNamespace: The kernel does not let us.
    """
    ip, mount = need("ip"), need("mount")
    libc = ctypes.CDLL(None, use_errno=True)  # `os.unshare` is as new as Python 3.12.
    if libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS):
        raise NoNamespace(f"no network namespace: {os.strerror(ctypes.get_errno())}")
    try:
        # Else what is mounted here would show in the namespace we come from.
        _run(mount, "--make-rprivate", "/")
        for path, content in _replaced().items():
            stand_in = folder / path.name
            stand_in.write_text(content)
            _run(mount, "--bind", str(stand_in), str(path))
        _run(ip, "link", "set", "lo", "up")
        _run(ip, "route", "add", "local", "0.0.0.0/0", "dev", "lo")
        _run(ip, "-6", "route", "add", "local", "::/0", "dev", "lo")
        _run(ip, "link", "add", "nic0", "type", "veth", "peer", "name", "nic1")
        _run(ip, "address", "add", f"{_NIC_ADDRESS}/24", "dev", "nic0")
        for name in ("nic0", "nic1"):
            # An IPv6 address that comes a second later is a change of network to Chromium,
            # which then drops its requests.
            _run(ip, "link", "set", name, "addrgenmode", "none")
            _run(ip, "link", "set", name, "up")
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode(errors="replace").strip()
        raise NoNamespace(f"no network of its own: {' '.join(error.cmd)}: {why}") from error


@contextmanager
def another_address() -> Iterator[None]:
    """Give this network's card one more address for the block, as if a container had started."""
    card = ("203.0.113.77/24", "dev", "nic0")
    _run(need("ip"), "address", "add", *card)
    try:
        yield
    finally:
        _run(need("ip"), "address", "delete", *card)


def _replaced() -> Mapping[Path, str]:
    return {Path("/etc/resolv.conf"): _RESOLV_CONF, Path("/etc/hosts"): _HOSTS}


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)
