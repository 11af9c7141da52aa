"""Ensembles of real servers on a real mosquitto: a piece in real time, faults and floods, and decode workers.

python -m benchmarks ensemble workers     riffs a second with 0, 1 and 2 workers, beside the decoder in process
python -m benchmarks ensemble piece       two rooms and a controller: what one published is what the other played
python -m benchmarks ensemble floods      lateness with and without 16 rooms, a deaf subscriber, hostile payloads
"""

import argparse
import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.ensemble_floods import floods
from benchmarks.ensemble_rooms import Controller, controlling, livevaes, playing_together, rooms, summary
from benchmarks.ensemble_workers import workers
from benchmarks.mqtt import Broker
from livevae.errors import LivevaeError


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`benchmarks ensemble`."""
    text = "servers on mosquitto: a piece in real time, floods, decode workers"
    command = commands.add_parser("ensemble", help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("what", choices=("workers", "piece", "floods"))
    command.add_argument("--seconds", type=float, default=600.0, help="of the piece; default: 600")
    command.add_argument(
        "--block", type=float, default=20.0, help="seconds of each block of floods; default: 20"
    )
    command.add_argument(
        "--every", type=float, default=30.0, help="seconds from command to command; default: 30"
    )
    command.add_argument("--riffs", type=int, default=120, help="of each row of workers; default: 120")
    command.add_argument("--payloads", type=int, default=100_000, help="hostile ones; default: 100000")
    command.add_argument(
        "--rate", type=float, default=10_000, help="of them a second, at most; default: 10000"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, and print the table."""
    if shutil.which("mosquitto") is None:
        raise LivevaeError("mosquitto is needed (Debian: apt install mosquitto)")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with Broker() as broker:
        match arguments.what:
            case "workers":
                return asyncio.run(workers(arguments.riffs, broker))
            case "piece":
                return asyncio.run(piece(arguments.seconds, arguments.every))
            case _:
                return asyncio.run(floods(arguments.block, arguments.payloads, arguments.rate))


async def piece(seconds: float, every: float) -> int:
    """Two rooms and a controller in real time: the other room plays what one published; commands keep their beat."""
    with tempfile.TemporaryDirectory() as folder, livevaes(*rooms(Path(folder))):
        async with controlling() as controller:
            await playing_together(controller)
            loop = asyncio.get_running_loop()
            began = loop.time()
            due: list[float] = []
            tempos = 0
            while loop.time() < began + seconds:
                line = controller.of("clock")[-1]
                health = controller.of(f"{line['conductor']}/health")[-1]
                due.append(health["beat"] // 4 * 4 + 32)
                sample = {"address": "/livevae/sample", "voice": "hit", "seed": len(due)}
                controller.send("all/do", {**sample, "at_beat": due[-1], "id": len(due)})
                if len(due) % 7 == 4:
                    tempos += 1
                    tempo = {
                        "address": "/livevae/tempo",
                        "bpm": 100 + len(due) % 40,
                        "over": 8,
                        "id": f"t{tempos}",
                    }
                    controller.send(f"{line['conductor']}/do", tempo)
                await asyncio.sleep(every)
            await asyncio.sleep(30)
            return told(controller, began, due, tempos)


def told(controller: Controller, began: float, due: Sequence[float], tempos: int) -> int:
    """Print what came of a piece; gives the exit status."""
    published = [alike(one) for one in controller.of("rack/riff/lead", began)]
    received = [alike(one) for one in controller.of("desk/riff/far", began - 30)]
    last = received[-1][0] if received else 0.0
    owed = [one for one in published if one[0] <= last]
    missing = [one for one in owed if one not in received]
    hits = {
        name: [one["beat"] for one in controller.of(f"{name}/riff/hit", began)] for name in ("rack", "desk")
    }
    wrong = [name for name, beats in hits.items() if beats != list(due)]
    notes = {
        name: [alike(one)[1] for one in controller.of(f"{name}/riff/hit", began)] for name in ("rack", "desk")
    }
    health = {name: controller.of(f"{name}/health", began) for name in ("rack", "desk")}
    print(
        f"{len(owed)} riffs of rack/lead were published, {len(owed) - len(missing)} played by desk/far alike"
    )
    print(
        f"{len(due)} commands with at_beat, {tempos} ramps: on their beat in both rooms: {not wrong}; alike: "
        f"{notes['rack'] == notes['desk']}"
    )
    for name, rows in health.items():
        apart = sorted(abs(one["apart_ms"]) for one in rows)
        late = sorted(one["late_ms_max"] for one in rows)
        print(
            f"{name}: apart {summary(apart)}; worst lateness of each second {summary(late)};"
            f" dropped {rows[-1]['dropped'] - rows[0]['dropped']}, refused {rows[-1]['refused']}"
        )
    here = dict(received)
    for beat, riff in missing[:10]:
        other = here.get(beat)
        there = "nothing" if other is None else f"{len(other)} others, first {other[0] if other else None}"
        print(f"beat {beat:g}: {len(riff)} notes, first {riff[0] if riff else None}; the desk played {there}")
    for name, beats in hits.items():
        off = [f"{want:g} at {beat:g}" for want, beat in zip(due, beats, strict=False) if want != beat]
        if off or len(beats) != len(due):
            print(
                f"{name}: {len(beats)} of {len(due)} commands; not on their beat: {', '.join(off[:8]) or 'none'}"
            )
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    return 1 if missing or wrong or notes["rack"] != notes["desk"] else 0


def alike(riff: Any) -> tuple[float, tuple[tuple[int, ...], ...]]:
    """A riff's beat, and its notes without their channel."""
    return riff["beat"], tuple(tuple(note[:4]) for note in riff["notes"])
