"""Loads to measure under, as processes of their own.

python -m benchmarks.loads flood HOST PORT RATE | tui HOST PORT | train
"""

import fcntl
import os
import pty
import socket
import struct
import sys
import termios
import time
from contextlib import suppress


def flood(host: str, port: int, rate: float) -> None:
    """Send OSC requests, half of them settings and half of them status, at a steady rate, for ever."""
    from livevae.edges.osc.codec import Message, encode

    packets = [
        encode(Message("/livevae/set", ("bench", "new", 1, "temp", 0.8, "velocity", 90))),
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
    """The rehearsal UI in a terminal of 200x60 that a child of ours reads, until we are killed."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
    if os.fork() == 0:
        os.close(slave)
        with suppress(OSError):
            while os.read(master, 65_536):
                pass
        os._exit(0)
    os.close(master)
    for number in range(3):
        os.dup2(slave, number)
    terminal = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, "-m", "livevae", "watch", f"{host}:{port}", "--theme", "dark"]
    os.execve(sys.executable, command, terminal)  # noqa: S606  (this process becomes the UI, so that its end ends it)


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
