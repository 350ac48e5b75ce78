"""Let Ctrl-C, SIGTERM and SIGHUP end a run alike: between two updates, where there are any."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType, TracebackType

_HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none


def _signals() -> list[signal.Signals]:
    """List what ends a run.

    A hangup, which a terminal sends when it is closed, stays ignored where it is: ``nohup`` starts
    programs so.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if _HANGUP is not None and signal.getsignal(_HANGUP) is not signal.SIG_IGN:
        numbers.append(_HANGUP)
    return numbers


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """While the block runs, let all of them do what Ctrl-C does: raise ``KeyboardInterrupt``."""
    before = {number: signal.getsignal(number) for number in _signals()}
    try:
        for number in before:
            signal.signal(number, signal.default_int_handler)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Interruption:
    """While the block runs, the first signal is remembered; a second Ctrl-C interrupts at once.

    Attributes:
        requested: Whether a signal has come.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> "Interruption":
        for number in _signals():
            self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _remember(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
