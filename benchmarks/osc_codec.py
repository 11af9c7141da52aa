"""OSC's bytes: microseconds a message, and a million broken packets that are read or refused in good time."""

import argparse
import random
import time
from collections.abc import Callable
from functools import partial

from rich.console import Console
from rich.table import Table

MESSAGES: tuple[tuple[str, tuple[int | float | str, ...]], ...] = (
    ("/livevae/ping", ()),
    ("/livevae/sample", ("voice", "lead", "bars", 4.0, "temp", 0.5, "seed", 7, "_id_", "1", "cps", 0.5625)),
    ("/livevae/reply", tuple(part for n in range(60) for part in (f"voice{n}.riffs", n))),
)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`benchmarks osc`."""
    command = commands.add_parser(
        "osc", help="OSC packets: microseconds a message, and a million broken ones"
    )
    command.add_argument(
        "--packets", type=int, default=1_000_000, help="broken packets; default: %(default)s"
    )
    command.add_argument("--seed", type=int, default=1)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print both tables."""
    from livevae.edges.osc.codec import Message, decode, encode

    console = Console()
    table = Table("message", "bytes", "decode (µs)", "encode (µs)")
    for address, args in MESSAGES:
        message = Message(address, args)
        packet = encode(message)
        decoding, encoding = _microseconds(partial(decode, packet)), _microseconds(partial(encode, message))
        table.add_row(
            f"{address}, {len(args)} arguments", f"{len(packet)}", f"{decoding:.1f}", f"{encoding:.1f}"
        )
    console.print(table)
    read, refused, slowest, took = fuzz(arguments.packets, arguments.seed)
    console.print(
        f"{arguments.packets:,} packets in {took:.0f} s: {read:,} read, {refused:,} refused with a sentence,"
        f" 0 faults; the slowest {slowest * 1000:.2f} ms"
    )


def fuzz(count: int, seed: int) -> tuple[int, int, float, float]:
    """How many of `count` broken packets were read, how many refused, the slowest's seconds and all seconds.

    Raises:
        Exception: whatever a packet brought besides `OscError`.
    """
    from livevae.edges.osc.codec import OscError, decode
    from livevae.edges.osc.udp import LONGEST_MESSAGE, MOST_MESSAGES

    dice = random.Random(seed)  # noqa: S311  (noise, not keys)
    read, slowest, began = 0, 0.0, time.perf_counter()
    for _ in range(count):
        packet = broken(dice)
        before = time.thread_time()
        try:
            decode(packet, MOST_MESSAGES, LONGEST_MESSAGE)
            read += 1
        except OscError:
            pass
        slowest = max(slowest, time.thread_time() - before)
    return read, count - read, slowest, time.perf_counter() - began


def broken(dice: random.Random) -> bytes:
    """A packet that may be right: true ones, damaged, cut, put into bundles, or noise behind a true beginning."""
    match dice.randrange(5):
        case 0:
            return _damaged(dice, _message(dice))
        case 1:
            return _damaged(dice, _bundle(dice, 0))
        case 2:
            return _bundle(dice, 0)
        case 3:
            tags = bytes(dice.choice(b"ifsbhdtTFNIrmcS[]Qz") for _ in range(dice.randrange(40)))
            return b"/a\0\0," + tags + bytes(4 - (len(tags) + 1) % 4) + dice.randbytes(dice.randrange(120))
        case _:
            size = 60_000 if dice.random() < 0.0005 else dice.randrange(80)
            return dice.choice(
                (b"", b"/a\0\0", b"/a\0\0,ifsb\0\0\0", b"#bundle\0" + bytes(8))
            ) + dice.randbytes(size)


def _message(dice: random.Random) -> bytes:
    from livevae.edges.osc.codec import Message, Value, encode

    choices: tuple[Callable[[], Value], ...] = (
        lambda: dice.randrange(-(2**31), 2**31),
        lambda: dice.random() * 1000,
        lambda: "x" * dice.randrange(12),
        lambda: dice.randbytes(dice.randrange(1, 9)),
        lambda: (1, ("a", 2.0), None, True),
    )
    args = tuple(dice.choice(choices)() for _ in range(dice.randrange(6)))
    return encode(Message("/" + "ab" * dice.randrange(6), args))


def _bundle(dice: random.Random, depth: int) -> bytes:
    from livevae.edges.osc.codec import encode_bundle

    deeper = depth < 10 and dice.random() < 0.4
    inner = [_bundle(dice, depth + 1)] if deeper else []
    return encode_bundle([*(_message(dice) for _ in range(dice.randrange(3))), *inner])


def _damaged(dice: random.Random, packet: bytes) -> bytes:
    data = bytearray(packet)
    for _ in range(dice.randrange(1, 4)):
        data[dice.randrange(len(data))] = dice.choice((0, 0xFF, dice.randrange(256)))
    return bytes(data[: dice.randrange(len(data) + 1)]) if dice.random() < 0.3 else bytes(data)


def _microseconds(act: Callable[[], object], seconds: float = 0.3) -> float:
    """The best of several rounds, in microseconds a call."""
    best = float("inf")
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        for _ in range(50):
            act()
        best = min(best, (time.perf_counter() - began) / 50)
    return best * 1e6
