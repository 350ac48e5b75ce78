"""How processes of several machines reach each other, and when one that is silent is given up."""

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

_INTERFACE = "GLOO_SOCKET_IFNAME"
"""Tells gloo which network interface to use."""

_SILENCE = 60
"""Seconds without an answer after which a machine counts as dead."""

_SIOCGIFADDR = 0x8915
"""Asks Linux for the address of an interface (netdevice(7))."""


def choose_interface(meeting: str | None) -> None:
    """Let gloo use the interface that leads to the others, unless somebody has chosen one.

    By itself it takes that of the machine's name, which many systems resolve to their own loopback.

    Args:
        meeting: The address at which all meet; ``None``: all are on this machine, and nobody else
            shall reach them.
    """
    name = _loopback() if meeting is None else _interface_to(meeting)
    if name is not None:
        os.environ.setdefault(_INTERFACE, name)


def notice_dead_machines() -> None:
    """Close each connection of this process whose other end has not answered for a minute.

    A process that ends closes its connections, and others notice at once; a machine that loses its
    power or its network does not. The system asks it whether it is there (tcp(7)), however long
    the process there computes. Only Linux lets one ask for that here.
    """
    if sys.platform != "linux":
        return
    for connection in _connections():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENCE // 3)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _SILENCE // 6)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE * 1000)


def _connections() -> Iterator[socket.socket]:
    """Yield the TCP sockets that this process has open, whoever opened them."""
    for path in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(path.name))) as found:
            internet = found.family in {socket.AF_INET, socket.AF_INET6}
            if internet and found.type == socket.SOCK_STREAM:
                yield found


def _loopback() -> str | None:
    """Name the interface that nobody else reaches."""
    return next((name for _, name in socket.if_nameindex() if name in {"lo", "lo0"}), None)


def _interface_to(host: str) -> str | None:
    """Name the interface by which packets to a host leave; ``None``: it cannot be told."""
    if sys.platform != "linux":
        return None
    import fcntl  # noqa: PLC0415 - Windows has none

    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((host, 9))  # sends nothing: the system chooses a way
        address = socket.inet_aton(sender.getsockname()[0])
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # it has no address
                request = struct.pack("256s", name.encode())
                if fcntl.ioctl(sender.fileno(), _SIOCGIFADDR, request)[20:24] == address:
                    return name
    return None
