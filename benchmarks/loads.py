"""Loads to measure under, as processes of their own.

python -m benchmarks.loads flood HOST PORT RATE | tui HOST PORT | train
"""

import os
import socket
import sys
import time
from contextlib import suppress


def flood(host: str, port: int, rate: float) -> None:
    """Send OSC requests, half of them settings and half of them status, at a steady rate, for ever."""
    from livevae.edges.osc.codec import Message, encode

    packets = [
        encode(Message("/livevae/set", ("bench", "temp", 0.8, "velocity", 90))),
        encode(Message("/livevae/status", ())),
    ]
    due = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        count = 0
        while True:
            with suppress(OSError):
                sender.sendto(packets[count % 2], (host, port))
            count += 1
            due += 1 / rate
            time.sleep(max(0.0, due - time.monotonic()))


def tui(host: str, port: int) -> None:
    """A screen of the server's status, asked for and drawn ten times a second, for ever."""
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    from livevae.edges.osc.client import Client
    from livevae.errors import LivevaeError

    with (
        open(os.devnull, "w") as nowhere,  # noqa: PTH123  (not a file of anybody's)
        Live(
            console=Console(file=nowhere, force_terminal=True, width=120, height=40),
            screen=True,
            auto_refresh=False,
        ) as live,
        Client(host, port, patience=0.5) as livevae,
    ):
        while True:
            table = Table("what", "is")
            with suppress(LivevaeError, OSError):
                for name, value in livevae.ask("/livevae/status").items():
                    table.add_row(name, str(value))
            live.update(table, refresh=True)
            time.sleep(0.1)


def train() -> None:
    """Train a recurrent network of a persona's order of size at low priority, for ever."""
    import torch

    os.nice(19)
    torch.set_num_threads(1)
    network = torch.nn.LSTM(128, 512, batch_first=True)
    optimizer = torch.optim.Adam(network.parameters())
    while True:
        out, _ = network(torch.randn(32, 32, 128))
        optimizer.zero_grad()
        out.square().mean().backward()
        optimizer.step()


if __name__ == "__main__":
    if sys.argv[1] == "flood":
        flood(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    elif sys.argv[1] == "tui":
        tui(sys.argv[2], int(sys.argv[3]))
    else:
        train()
