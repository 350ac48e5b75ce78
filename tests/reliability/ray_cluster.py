"""Kill processes of a Ray cluster that translates in bulk: every line is there once, in its order.

    python -m tests.reliability.ray_cluster [--lines 20000] [--kills 2] [--seed 1]

Needs the package ray. The cluster is of one machine: a head without processors, and two nodes with
one each.
"""
# ruff: noqa: T201

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import ray
from datatrove.executor import RayPipelineExecutor
from ray.cluster_utils import Cluster

from mt.bulk import plan_translation, summarise
from tests.reliability.bulk import BUNDLE, Job, write_text
from tests.tiny import ROOT


def main() -> int:
    """Translate with Ray while its workers are killed, and compare with an undisturbed job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    draw = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = write_text(folder / "text", asked.lines, draw)
        whole = Job(BUNDLE, text, folder / "whole", shard_size=0.02)
        assert whole.end() == 0
        job = plan_translation(str(BUNDLE), str(text), str(folder / "ray"), shard_bytes=20_000)
        start_cluster()
        killer = threading.Thread(target=kill, args=(asked.kills, draw), daemon=True)
        killer.start()
        began = time.monotonic()
        RayPipelineExecutor(**job.tasks(), workers=2, mem_per_cpu_gb=0.2).run()
        found = summarise(str(folder / "ray"))
        print(f"{found['done']} of {found['shards']} shards, {time.monotonic() - began:.0f} s")
        if found["done"] < found["shards"]:
            print("some are missing; the same again, without kills")
            RayPipelineExecutor(**job.tasks(), workers=2, mem_per_cpu_gb=0.2).run()
        same = whole.content() == {
            path.name: path.read_bytes() for path in (folder / "ray").glob("*.txt")
        }
        print("as undisturbed" if same else "ANOTHER RESULT")
        ray.shutdown()
    return int(not same)


def start_cluster() -> None:
    """Start a head and two nodes, each with processes of its own."""
    cluster = Cluster(True, True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        cluster.add_node(num_cpus=1, env_vars={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})


def kill(kills: int, draw: random.Random) -> None:
    """Kill processes that run a task, one after the other."""
    while kills:
        time.sleep(draw.uniform(2, 10))
        if workers := [*_workers()]:
            os.kill(draw.choice(workers), signal.SIGKILL)
            kills -= 1
            print("killed a process of Ray", flush=True)


def _workers() -> list[int]:
    """List the actors that run tasks of datatrove."""
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.read_bytes().startswith(b"ray::RankWorker.run_for_rank")
    ]


if __name__ == "__main__":
    sys.exit(main())
