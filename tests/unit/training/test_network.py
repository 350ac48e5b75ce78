"""Connections to silent machines are given up; gloo goes the way that leads to the others."""

import os
import socket
import sys

import pytest

from mt.training.network import choose_interface, notice_dead_machines

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")


@pytest.mark.parametrize("meeting", [None, "127.0.0.1", "localhost"])
def test_those_who_meet_on_this_machine_talk_by_its_loopback(meeting, monkeypatch):
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    choose_interface(meeting)
    assert os.environ["GLOO_SOCKET_IFNAME"] == "lo"


def test_what_somebody_has_chosen_stays(monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "ib0")
    choose_interface(None)
    assert os.environ["GLOO_SOCKET_IFNAME"] == "ib0"


def test_a_host_without_an_address_is_left_to_gloo(monkeypatch):
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    choose_interface("no-such-host.invalid")
    assert "GLOO_SOCKET_IFNAME" not in os.environ


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
