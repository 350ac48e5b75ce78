"""How processes of several machines reach each other, and when one that is silent is given up."""

import contextlib
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from mt.errors import TrainingError

_INTERFACE = "GLOO_SOCKET_IFNAME"
"""Tells gloo which network interface to use."""

_SILENCE = 60
"""Seconds without an answer after which a machine counts as dead."""

_SIOCGIFADDR = 0x8915
"""Asks Linux for the address of an interface (netdevice(7))."""


def choose_interface(meeting: str) -> None:
    """Let gloo use the interface that leads to the others, unless somebody has chosen one.

    By itself it takes that of the machine's name, which many systems resolve to their own loopback.

    Args:
        meeting: The name or address at which all meet. ``localhost`` or the address of a loopback:
            all are on this host, and nobody else shall reach them.

    Raises:
        TrainingError: If this host resolves that name to its loopback, and has several interfaces
            by which others may reach it, or none.
    """
    if _INTERFACE in os.environ:
        return
    here = meeting == "localhost" or _is_loopback(meeting)
    name = _loopback() if here else _interface_to(meeting)
    if name is not None:
        os.environ[_INTERFACE] = name


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
        with contextlib.suppress(OSError):
            if not path.is_socket():
                continue  # a copy of it would outlive the refusal to be a socket
            with socket.socket(fileno=os.dup(int(path.name))) as found:
                internet = found.family in {socket.AF_INET, socket.AF_INET6}
                if internet and found.type == socket.SOCK_STREAM:
                    yield found


def _loopback() -> str | None:
    """Name the interface that nobody else reaches."""
    return next((name for _, name in socket.if_nameindex() if name in {"lo", "lo0"}), None)


def _interface_to(meeting: str) -> str | None:
    """Name the interface by which this host and the others reach each other.

    Packets to the meeting leave by it, unless this host resolves its name to a loopback: then it is
    the only other interface. ``None``: it cannot be told.
    """
    if sys.platform != "linux":
        return None
    try:
        address = socket.gethostbyname(meeting)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect((address, 9))  # sends nothing: the system chooses a way
            own = sender.getsockname()[0]
    except OSError:
        return None
    addresses = _addresses()
    if not _is_loopback(own):
        return next((name for name, each in addresses.items() if each == own), None)
    outward = [name for name, each in addresses.items() if not _is_loopback(each)]
    if len(outward) == 1:
        return outward[0]
    raise TrainingError(
        f"MASTER_ADDR: expected an address by which other hosts reach this one, but `{meeting}` is "
        f"{address} here, and interfaces to others are {', '.join(outward) or 'none'}; give "
        "torchrun --local-addr with such an address, or 127.0.0.1 if all are on this host, or set "
        f"{_INTERFACE} to the interface"
    )


def _addresses() -> dict[str, str]:
    """Return the first IPv4 address of each interface that has one."""
    import fcntl  # noqa: PLC0415 - Windows has none

    found = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # it has none
                answer = fcntl.ioctl(asking, _SIOCGIFADDR, struct.pack("256s", name.encode()))
                found[name] = socket.inet_ntoa(answer[20:24])
    return found


def _is_loopback(place: str) -> bool:
    """Say whether it is the address of a loopback; a name is not, whatever it stands for."""
    try:
        return ipaddress.ip_address(place).is_loopback
    except ValueError:
        return False
