"""Connections to silent machines are given up; gloo goes the way that leads to the others."""

import os
import socket
import sys

import pytest

from mt.errors import TrainingError
from mt.training import network
from mt.training.network import choose_interface, notice_dead_machines

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")


@pytest.fixture
def chosen(monkeypatch):
    """Choose for a meeting, on a host with these interfaces."""
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)

    def choose(meeting, **interfaces):
        monkeypatch.setattr(network, "_addresses", lambda: {"lo": "127.0.0.1"} | interfaces)
        choose_interface(meeting)
        return os.environ.get("GLOO_SOCKET_IFNAME")

    yield choose
    os.environ.pop("GLOO_SOCKET_IFNAME", None)


def test_those_who_are_all_on_this_host_talk_by_its_loopback(chosen):
    assert chosen(None, eth0="10.0.0.5") == "lo"


@pytest.mark.parametrize("meeting", ["127.0.1.1", "localhost"])
def test_a_host_that_knows_itself_by_its_loopback_takes_its_only_other_interface(meeting, chosen):
    assert chosen(meeting, eth0="10.0.0.5") == "eth0"


@pytest.mark.parametrize("interfaces", [{}, {"eth0": "10.0.0.5", "docker0": "172.17.0.1"}])
def test_where_others_cannot_be_led_to_a_line_says_so(interfaces, chosen):
    names = ", ".join(interfaces) or "none"
    expected = f"`127.0.1.1` is 127.0.1.1 here, and interfaces to others are {names}; give"
    with pytest.raises(TrainingError, match=expected):
        chosen("127.0.1.1", **interfaces)


def test_the_interface_is_the_one_by_which_packets_leave(monkeypatch):
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    outward = {name: each for name, each in network._addresses().items() if name != "lo"}
    if not outward:
        pytest.skip("this machine has no interface but its loopback")
    name, address = outward.popitem()
    choose_interface(address)
    assert os.environ.pop("GLOO_SOCKET_IFNAME") == name


def test_what_somebody_has_chosen_stays(monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "ib0")
    choose_interface("127.0.1.1")
    assert os.environ["GLOO_SOCKET_IFNAME"] == "ib0"


def test_a_host_without_an_address_is_left_to_gloo(chosen):
    assert chosen("no-such-host.invalid", eth0="10.0.0.5") is None


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
