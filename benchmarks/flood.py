"""What floods of OSC do to the music: a real server, a receiver on a JACK graph, packets that silenced it."""

import argparse
import contextlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HOST, PORT = "127.0.0.1", 7797
FLOOD = 6.0
"""Seconds of each."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`benchmarks flood`."""
    command = commands.add_parser("flood", help="floods of OSC beside the music, at a real JACK receiver")
    command.add_argument("--voices", type=int, nargs="+", default=[3, 64], help="default: 3 64")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a row for each flood and number of voices."""
    from benchmarks.graph import jack_graph

    table = Table(
        "voices",
        "what comes in",
        "longest gap (s)",
        "notes a s",
        "ping p99 (ms)",
        "late riffs",
        "bytes out/in",
    )
    with jack_graph(ours=True):
        for voices in arguments.voices:
            for row in _measured(voices):
                table.add_row(str(voices), *row)
    Console(width=110).print(table)


def _measured(voices: int) -> list[tuple[str, ...]]:
    import rtmidi

    received: list[float] = []
    midi = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, "flood-receiver")
    midi.open_virtual_port("in")
    midi.set_callback(
        lambda event, _: received.append(time.monotonic()) if event[0][0] & 0xF0 == 0x90 else None
    )
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "flood.toml"
        text = "tempo = 120\n" + "".join(
            f"[voice.a-voice-with-a-long-name-{n:02}]\nquantum = 1\nbars = 2\nchannel = {n % 16 + 1}\n"
            for n in range(voices)
        )
        scene.write_text(text)
        command = [sys.executable, "-m", "livevae", "serve", str(scene), "--osc", f"{HOST}:{PORT}"]
        server = subprocess.Popen(
            [*command, "--midi", "flood-receiver", "--seed", "1"], stdout=subprocess.DEVNULL
        )
        try:
            while len(received) < 20:
                time.sleep(0.1)
            time.sleep(3.0)
            return [_row(name, act, received) for name, act in FLOODS]
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)
            midi.close_port()
            midi.delete()


def _row(name: str, act: Callable[[socket.socket], int], received: list[float]) -> tuple[str, ...]:
    from livevae.edges.osc.client import Client
    from livevae.edges.osc.codec import OscError

    flooder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    flooder.connect((HOST, PORT))
    flooder.setblocking(False)
    with Client(HOST, PORT, patience=0.5) as client:
        before, began, sent, back = _late(client), time.monotonic(), 0, 0
        pings: list[float] = []
        asks = 0
        while time.monotonic() < began + FLOOD:
            sent += act(flooder) if not (sent and name.startswith(("one", "three"))) else 0
            back += _drained(flooder)
            asked = time.monotonic()
            with contextlib.suppress(
                OscError
            ):  # the system drops packets, too, where more come than it keeps
                client.ask("/livevae/ping")
                pings.append(time.monotonic() - asked)
            asks += 1
            time.sleep(0.005)
        time.sleep(0.5)
        back += _drained(flooder)
        ended = time.monotonic()
        late = _late(client) - before
    flooder.close()
    times = [began, *(when for when in list(received) if began <= when <= ended)]
    gap = max(b - a for a, b in zip(times, [*times[1:], ended], strict=True))
    p99 = sorted(pings)[len(pings) * 99 // 100] * 1000 if pings else float("nan")
    lost = f", {asks - len(pings)} of {asks} lost" if asks > len(pings) else ""
    ratio = f"{back / sent:.2f}" if sent else ""
    return (
        name,
        f"{gap:.2f}",
        f"{(len(times) - 1) / (ended - began):.0f}",
        f"{p99:.1f}{lost}",
        str(late),
        ratio,
    )


def _late(client: Any) -> int:
    from livevae.edges.osc.codec import OscError

    for _ in range(20):
        with contextlib.suppress(OscError):
            return sum(int(n) for name, n in client.ask("/livevae/status").items() if name.endswith(".late"))
    raise OscError("no livevae answers")


def _drained(flooder: socket.socket) -> int:
    count = 0
    try:
        while True:
            count += len(flooder.recv(65_536))
    except (BlockingIOError, ConnectionRefusedError):
        return count


def _bundle(count: int) -> bytes:
    from livevae.edges.osc.codec import Message, encode, encode_bundle

    return encode_bundle([encode(Message("/livevae/status"))] * count)


def _nothing(_: socket.socket) -> int:
    return 0


def _send(flooder: socket.socket, *packets: bytes) -> int:
    sent = 0
    for packet in packets:
        try:
            sent += flooder.send(packet)
        except (BlockingIOError, ConnectionRefusedError):
            return sent
    return sent


def _mixed(flooder: socket.socket) -> int:
    from benchmarks.osc_codec import broken

    dice = random.Random(time.monotonic_ns())  # noqa: S311  (noise, not keys)
    return _send(
        flooder,
        *(broken(dice) if dice.random() < 0.5 else _bundle(dice.randrange(1, 400)) for _ in range(50)),
    )


FLOODS: tuple[tuple[str, Callable[[socket.socket], int]], ...] = (
    ("nothing", _nothing),
    ("one bundle of 2,300 status", lambda flooder: _send(flooder, _bundle(2300))),
    ("three of them", lambda flooder: _send(flooder, *[_bundle(2300)] * 3)),
    ("bundles of 100 status, without end", lambda flooder: _send(flooder, *[_bundle(100)] * 20)),
    ("valid and broken packets, without end", _mixed),
)
"""What comes in, and who sends it; gives the bytes that it sent."""
