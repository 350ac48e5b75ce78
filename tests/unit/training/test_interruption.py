"""The first signal is remembered, the second ends at once, and afterwards all is as before."""

import os
import signal

import pytest

from mt.training.interruption import Interruption


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_remembered(number):
    with Interruption() as interruption:
        assert not interruption.requested
        send(number)
        assert interruption.requested


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_ctrl_c_interrupts_at_once(first):
    with pytest.raises(KeyboardInterrupt), Interruption():
        send(first)
        send(signal.SIGINT)


def test_a_second_sigterm_is_patient():
    with Interruption() as interruption:
        send(signal.SIGTERM)
        send(signal.SIGTERM)
    assert interruption.requested


def test_the_handlers_of_before_come_back():
    numbers = signal.SIGINT, signal.SIGTERM
    before = [signal.getsignal(number) for number in numbers]
    with pytest.raises(ZeroDivisionError), Interruption():
        assert [signal.getsignal(number) for number in numbers] != before
        1 / 0  # noqa: B018
    assert [signal.getsignal(number) for number in numbers] == before
