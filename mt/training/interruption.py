"""Let Ctrl-C, SIGTERM and SIGHUP end a run alike: between two updates, where there are any."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType, TracebackType

_HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """While the block runs, let SIGTERM and SIGHUP do what Ctrl-C does.

    They raise ``KeyboardInterrupt`` as soon as Python has its turn; those that are ignored stay so.
    """
    numbers = [number for number in (signal.SIGTERM, _HANGUP) if number is not None]
    found = {number: signal.getsignal(number) for number in numbers}
    before = {each: handler for each, handler in found.items() if handler is not signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, signal.default_int_handler)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Interruption:
    """While the block runs, the first signal is remembered; a second Ctrl-C interrupts at once.

    A hangup, which a terminal sends when it is closed, stays ignored where it is: ``nohup`` starts
    programs so.

    Attributes:
        requested: Whether a signal has come.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> "Interruption":
        numbers = [signal.SIGINT, signal.SIGTERM]
        if _HANGUP is not None and signal.getsignal(_HANGUP) is not signal.SIG_IGN:
            numbers.append(_HANGUP)
        for number in numbers:
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
