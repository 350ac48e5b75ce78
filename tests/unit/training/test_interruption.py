"""The first signal is remembered, the second ends at once, and afterwards all is as before."""

import os
import signal

import pytest

from mt.cli.train import train_and_tell
from mt.training.interruption import Interruption, interrupted_by_signals
from mt.training.processes import Place

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def hangup(request):
    """Treat hangups as programs do, whether or not the tests were started by ``nohup``."""
    before = signal.signal(signal.SIGHUP, getattr(request, "param", signal.SIG_DFL))
    yield
    signal.signal(signal.SIGHUP, before)


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_signal_is_remembered(number):
    with Interruption() as interruption:
        assert not interruption.requested
        send(number)
        assert interruption.requested


@pytest.mark.parametrize("first", NUMBERS)
def test_a_second_ctrl_c_interrupts_at_once(first):
    with pytest.raises(KeyboardInterrupt), Interruption():
        send(first)
        send(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_sigterm_or_hangup_is_patient(number):
    with Interruption() as interruption:
        send(number)
        send(number)
    assert interruption.requested


@pytest.mark.parametrize("number", NUMBERS)
def test_where_there_are_no_updates_every_signal_interrupts(number):
    with pytest.raises(KeyboardInterrupt), interrupted_by_signals():
        with Interruption():
            pass
        send(number)


@pytest.mark.parametrize("number", NUMBERS)
def test_mt_train_is_interrupted_by_every_signal(number, monkeypatch, tmp_path, recipe):
    monkeypatch.setattr("mt.training.run.train", lambda *_: send(number))
    with pytest.raises(KeyboardInterrupt):
        train_and_tell(recipe, tmp_path / "run", False, "cpu", Place())


@pytest.mark.parametrize("hangup", [signal.SIG_IGN], indirect=True)
def test_an_ignored_hangup_stays_ignored(hangup):
    with interrupted_by_signals(), Interruption() as interruption:
        send(signal.SIGHUP)
    assert not interruption.requested


@pytest.mark.parametrize("block", [Interruption, interrupted_by_signals])
def test_the_handlers_of_before_come_back(block):
    before = [signal.getsignal(number) for number in NUMBERS]
    with pytest.raises(ZeroDivisionError), block():
        assert all(
            signal.getsignal(number) != handler
            for number, handler in zip(NUMBERS[1:], before[1:], strict=True)
        )
        1 / 0  # noqa: B018
    assert [signal.getsignal(number) for number in NUMBERS] == before
