"""The processes of one training run: alone, started by torchrun, or started here for a machine's cores.

All that they exchange is one sum a step: the gradients and the figures beside them, as one flat vector.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed

FOLLOWING = "LIVEVAE_TRAINING_FOLLOWS"
"""Environment variable of the processes that `helpers` starts."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Who this process is among those that train together."""

    rank: int = 0
    world: int = 1

    def average(self, flat: Tensor) -> None:
        """Replace a vector by its mean over the processes, in place."""
        if self.world > 1:
            distributed.all_reduce(flat)
            flat /= self.world


@contextmanager
def join(device: str) -> Iterator[Crew]:
    """Join the run that the environment describes (torchrun's RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT)."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Crew()
        return
    cuda = device.startswith("cuda")
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    # a run may be stopped for hours and continued; its processes wait for each other
    distributed.init_process_group("nccl" if cuda else "gloo", timeout=timedelta(days=7))
    try:
        yield Crew(distributed.get_rank(), world)
    finally:
        distributed.destroy_process_group()


def prepare(threads: int, device: str = "cpu") -> str:
    """Set how many threads torch computes on; gives the device that `device` names, of "auto" cuda if there is one."""
    torch.set_num_threads(threads)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def helpers(count: int, arguments: Sequence[str]) -> list["subprocess.Popen[bytes]"]:
    """Start `count - 1` more processes of this command; this process becomes the first.

    They are in its process group, and end when this one does, however it ends: see `follow`.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    following = {FOLLOWING: "1"}
    started = []
    for rank in range(1, count):
        environment = {**os.environ, **shared, **following, "RANK": str(rank)}
        command = [sys.executable, "-m", "livevae.cli.training", *arguments]
        started.append(subprocess.Popen(command, env=environment, stdin=subprocess.PIPE))
    os.environ.update({**shared, "RANK": "0"})
    return started


def follow() -> None:
    """In a process that `helpers` started: end as soon as the first one is gone, which closes our stdin."""
    if os.environ.get(FOLLOWING) is None:
        return

    def wait() -> None:
        # not sys.stdin: its lock, held by this thread, would break the interpreter's own end
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def is_first() -> bool:
    """Whether this process is the one that speaks and saves."""
    return os.environ.get("RANK", "0") == "0"
