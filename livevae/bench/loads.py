"""Loads to measure under, as processes of their own: `python -m livevae.bench.loads flood HOST PORT RATE | train`."""

import os
import socket
import sys
import time
from contextlib import suppress


def flood(host: str, port: int, rate: float) -> None:
    """Send OSC requests, half of them settings and half of them status, at a steady rate, for ever."""
    from livevae.edges.osc import Message, encode  # noqa: PLC0415

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


def train() -> None:
    """Train a recurrent network of a persona's order of size at low priority, for ever."""
    import torch  # noqa: PLC0415

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
    else:
        train()
