"""Connections to silent machines are given up; gloo goes the way that leads to the others."""

import os
import socket
import sys
from pathlib import Path

import pytest

from mt.errors import TrainingError
from mt.training.network import choose_interface, notice_dead_machines

if sys.platform != "linux":
    pytest.skip("asks Linux", allow_module_level=True)

import fcntl

CHOSEN = "GLOO_SOCKET_IFNAME"
INTERFACES = [{}, {"eth0": "10.0.0.5", "docker0": "172.17.0.1"}]
"""None by which others may reach a host, and two."""


@pytest.fixture
def host(monkeypatch):
    """Be a host with these interfaces, which resolves its name to its loopback, as Debian does."""
    monkeypatch.delenv(CHOSEN, raising=False)
    monkeypatch.setattr(socket, "gethostbyname", {"node1": "127.0.1.1"}.__getitem__)

    def be(**interfaces):
        addresses = {"lo": "127.0.0.1"} | interfaces

        def ask(_, __, request):
            name = request.rstrip(b"\0").decode()
            return bytes(20) + socket.inet_aton(addresses[name])

        monkeypatch.setattr(socket, "if_nameindex", lambda: [*enumerate(addresses, 1)])
        monkeypatch.setattr(fcntl, "ioctl", ask)

    yield be
    os.environ.pop(CHOSEN, None)


@pytest.mark.parametrize("meeting", ["localhost", "127.0.0.1", "127.0.1.1", "::1"])
@pytest.mark.parametrize("interfaces", INTERFACES)
def test_those_who_are_all_on_this_host_talk_by_its_loopback(meeting, interfaces, host):
    host(**interfaces)
    choose_interface(meeting)
    assert os.environ[CHOSEN] == "lo"


def test_a_host_that_knows_itself_by_its_loopback_takes_its_only_other_interface(host):
    host(eth0="10.0.0.5")
    choose_interface("node1")
    assert os.environ[CHOSEN] == "eth0"


@pytest.mark.parametrize("interfaces", INTERFACES)
def test_where_others_cannot_be_led_to_a_line_says_so(interfaces, host):
    host(**interfaces)
    names = ", ".join(interfaces) or "none"
    expected = f"`node1` is 127.0.1.1 here, and interfaces to others are {names}; give"
    with pytest.raises(TrainingError, match=expected):
        choose_interface("node1")


def test_the_interface_is_the_one_by_which_packets_leave(monkeypatch):
    routes = Path("/proc/net/route").read_text(encoding="utf-8").splitlines()[1:]
    default = {route.split()[0] for route in routes if route.split()[1] == "00000000"}
    if len(default) != 1:
        pytest.skip("this machine has not one way to all others")
    monkeypatch.delenv(CHOSEN, raising=False)
    choose_interface("192.0.2.1")  # nobody has it (RFC 5737)
    assert os.environ.pop(CHOSEN) == default.pop()


def test_what_somebody_has_chosen_stays(monkeypatch):
    monkeypatch.setenv(CHOSEN, "ib0")
    choose_interface("127.0.1.1")
    assert os.environ[CHOSEN] == "ib0"


def test_a_host_without_an_address_is_left_to_gloo(monkeypatch):
    monkeypatch.delenv(CHOSEN, raising=False)
    choose_interface("no-such-host.invalid")
    assert CHOSEN not in os.environ


def test_open_connections_end_after_a_minute_of_silence():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as connection,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    ):
        notice_dead_machines()
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
        connection.sendall(b"still open")


def test_a_pipe_is_not_kept_open():
    reading, writing = os.pipe()
    notice_dead_machines()
    os.close(writing)
    os.set_blocking(reading, False)
    assert os.read(reading, 1) == b"", "nobody else has its other end"
    os.close(reading)
