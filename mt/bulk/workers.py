"""Processes of this machine that share the tasks of a job."""

import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.utils.stats import PipelineStats

_DEATHS = 3
"""Workers in a row that die without completing a task before no other is started."""


class LocalExecutor(LocalPipelineExecutor):
    """The local executor of datatrove, but a worker that is killed costs its task alone.

    That of datatrove waits for ever for a killed worker: a pool of ``multiprocessing`` starts
    another, which does not know the task. Here each worker is a pool of its own, which tells. Tasks
    that were lost are not tried again: whatever killed their worker may do so again, and running
    the job again does what is missing.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Take the arguments of datatrove's executor."""
        super().__init__(*arguments, **named)
        self.done: Callable[[PipelineStats], object] | None = None
        """Called, in any thread, with what each completed task counted."""
        self._processes: set[int] = set()

    def run(self) -> None:
        """Run the tasks that are not completed.

        What a task raises is raised here, and then no further task begins.
        """
        self.save_executor_as_json()
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        ranks = self.get_incomplete_ranks()
        for rank in ranks:
            waiting.put(rank)
        workers = min(self.workers, len(ranks))
        with ThreadPoolExecutor(max(1, workers)) as threads:
            keepers = [threads.submit(self._keep_busy, waiting) for _ in range(workers)]
            try:
                for keeper in keepers:
                    keeper.result()
            except BaseException:
                _empty(waiting)
                for process in tuple(self._processes):
                    with contextlib.suppress(ProcessLookupError):  # it has just ended
                        os.kill(process, signal.SIGKILL)
                raise

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what no other process needs."""
        return {**self.__dict__, "done": None, "_processes": set()}

    def _keep_busy(self, waiting: "queue.SimpleQueue[int]") -> None:
        """Let a worker do tasks as long as there are some, and replace it when it is killed."""
        deaths = 0
        while deaths < _DEATHS and not waiting.empty():
            with ProcessPoolExecutor(1, get_context("spawn"), _begin) as worker:
                process = 0
                try:
                    process = worker.submit(os.getpid).result()
                    self._processes.add(process)
                    while (rank := _take(waiting)) is not None:
                        stats = worker.submit(self._run_for_rank, rank, 1).result()
                        deaths = 0
                        if self.done is not None:
                            self.done(stats)
                except BrokenProcessPool:
                    deaths += 1
                except BaseException:
                    _empty(waiting)
                    raise
                finally:
                    self._processes.discard(process)


def _take(waiting: "queue.SimpleQueue[int]") -> int | None:
    try:
        return waiting.get_nowait()
    except queue.Empty:
        return None


def _empty(waiting: "queue.SimpleQueue[int]") -> None:
    while _take(waiting) is not None:
        pass


def _begin() -> None:
    """Prepare a worker: one thread computes, logs are files, and it does not outlive its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - till the end
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None, "a worker has one"
    connection.wait([parent.sentinel])
    os._exit(1)
