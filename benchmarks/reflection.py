"""`benchmarks reflection`: what livevae sends to a machine that never asked, whose address a packet claims.

In a network of its own (`unshare -n`, so it needs root, and Linux): a server on 10.99.0.1, a victim's socket on
10.99.0.2 that only counts, and a raw socket that writes the victim's address into every packet as its source.
"""

import argparse
import contextlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from livevae.children import environment
from livevae.errors import LivevaeError

SERVER, VICTIM, PORT = "10.99.0.1", "10.99.0.2", 7770
SECONDS = 10.0
RATES = (1, 10, 1000)
"""Packets a second."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`benchmarks reflection`."""
    text = "bytes sent to a source that is false, for each byte that claims it; needs root on Linux"
    command = commands.add_parser("reflection", help=text)
    command.add_argument("--voices", type=int, nargs="+", default=[3, 64], help="default: 3 64")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure in a network of its own."""
    if shutil.which("unshare") is None:
        raise LivevaeError("a network of its own is needed: unshare, of util-linux")
    links = "ip link set lo up && ip address add 10.99.0.1/32 dev lo && ip address add 10.99.0.2/32 dev lo"
    inside = [sys.executable, "-m", "benchmarks.reflection", *map(str, arguments.voices)]
    command = ["unshare", "-n", "sh", "-c", f'{links} && exec "$@"', "sh", *inside]
    return subprocess.run(command, check=False, env=environment()).returncode


def _measure(voices: int) -> None:
    from livevae.edges.osc.codec import Message, encode

    with tempfile.TemporaryDirectory() as folder, _victim() as victim, contextlib.ExitStack() as stack:
        scene = Path(folder) / "reflection.toml"
        scene.write_text(
            "".join(f"[voice.a-voice-with-a-long-name-{n:02}]\nplay = false\n" for n in range(voices))
        )
        command = [sys.executable, "-m", "livevae", "serve", str(scene), "--osc", f"{SERVER}:{PORT}"]
        server = subprocess.Popen(
            [*command, "--midi", "none"], stdout=subprocess.PIPE, text=True, env=environment()
        )
        stack.callback(server.wait)
        stack.callback(server.terminate)
        while server.stdout is not None and not (line := server.stdout.readline()).startswith("playing"):
            if not line:
                raise LivevaeError("the server does not start")
        raw = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
        for rate in RATES:
            time.sleep(SECONDS / 2)
            came, first, sent = _flood(raw, victim, encode(Message("/livevae/status")), rate)
            print(f"{voices:>6} {rate:>9} {sent:>9,} {came:>9,} {first:>9,} {came / sent:>8.2f}", flush=True)


def _victim() -> socket.socket:
    victim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    victim.bind((VICTIM, PORT))
    victim.setblocking(False)
    return victim


def _flood(raw: socket.socket, victim: socket.socket, payload: bytes, rate: int) -> tuple[int, int, int]:
    """Bytes of OSC that came to the victim, of them in the first answer, and bytes that were sent in its name."""
    packet = _false(payload)
    came = first = sent = 0
    began = time.monotonic()
    count = round(SECONDS * rate)
    for number in range(count + 1):
        if number < count:
            raw.sendto(packet, (SERVER, 0))
            sent += len(payload)
        until = began + min((number + 1) / rate, SECONDS + 0.5) if number < count else began + SECONDS + 1
        while True:
            with contextlib.suppress(BlockingIOError):
                while data := victim.recv(1 << 16):
                    came += len(data)
                    first = first or len(data)
            if (left := until - time.monotonic()) <= 0:
                break
            time.sleep(min(left, 0.05))
    return came, first, sent


def _false(payload: bytes) -> bytes:
    """An IPv4 packet (RFC 791) with a UDP datagram (RFC 768) whose source is the victim; no UDP checksum."""
    udp = struct.pack("!HHHH", PORT, PORT, 8 + len(payload), 0) + payload
    where = socket.inet_aton(VICTIM) + socket.inet_aton(SERVER)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0) + where + udp


if __name__ == "__main__":
    print("voices  a second  bytes in bytes out one answer   out/in")
    for many in sys.argv[1:]:
        _measure(int(many))
