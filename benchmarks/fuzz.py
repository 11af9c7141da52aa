"""`benchmarks fuzz`: everything that livevae reads of others, fed by atheris, which mutates inputs by what they reach.

Each target takes bytes, and ends in a result or in a `LivevaeError`; anything else is a fault, and so is an input that
takes half a minute or two gigabytes. atheris is no dependency of livevae's: pip install atheris, Python 3.11 or 3.12.

The suite gives the same targets damaged seeds (tests/benchmarks/test_bench_fuzz.py), without atheris.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.fuzz_seeds import SEEDS
from livevae.children import environment
from livevae.errors import LivevaeError

Target = Callable[[bytes], object]
"""Takes one input; what it raises besides `LivevaeError` is a fault."""

INSTRUMENTED = (
    "livevae",
    "mido",
    "pythonosc",
    "zipfile",
    "tarfile",
    "numpy.lib.format",
    "numpy.lib._format_impl",
)
"""Modules in which atheris sees what was reached."""

HANG, MEMORY = 30, 2048
"""Seconds and megabytes that no input may take."""

LONGEST = 20_000
"""Bytes of an input."""

_folder: Path | None = None


def _file(name: str, data: bytes) -> Path:
    """A file of this process' own, with these bytes."""
    global _folder  # noqa: PLW0603  (made once, taken away when the process ends)
    if _folder is None:
        memory = Path("/dev/shm")  # noqa: S108  (a folder of our own in it)
        _folder = Path(tempfile.mkdtemp(prefix="livevae-fuzz-", dir=memory if memory.is_dir() else None))
    path = _folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


# targets: each imports what it needs when it is made, so that atheris can instrument it


def _osc() -> Target:
    from livevae.edges.osc.asking import ask
    from livevae.edges.osc.codec import decode, encode
    from livevae.edges.osc.udp import LONGEST_MESSAGE, MOST_MESSAGES

    def take(data: bytes) -> None:
        for timed in decode(data, MOST_MESSAGES, LONGEST_MESSAGE):
            encode(timed.message)
            with suppress(LivevaeError):
                ask(timed.message).request(timed.timetag)

    return take


def _music(name: str, *kinds: str) -> Target:
    from livevae.corpus.kinds import cut_file

    def take(data: bytes) -> None:
        path = _file(name, data)
        for kind in kinds:
            cut_file(path, {"music": kind, "steps": 32, "align": {}})

    return take


def _midi() -> Target:
    from livevae.corpus import midi
    from livevae.corpus.kinds import KINDS

    def take(data: bytes) -> None:
        score = midi.read(_file("in.mid", data))
        for kind in ("melody", "drums", "groove", "trio", "notes"):
            with suppress(LivevaeError):
                for _ in KINDS[kind].cut(score, 32, Counter()):
                    pass

    return take


def _align() -> Target:
    from livevae.corpus import align, midi

    return lambda data: align.aligned(midi.read(_file("in.mid", data)), align.Alignment())


def _musicxml() -> Target:
    return _music("in.musicxml", "melody", "chords")


def _mxl() -> Target:
    return _music("in.mxl", "melody")


def _abc() -> Target:
    return _music("in.abc", "melody", "chords")


def _tfrecord() -> Target:
    from livevae.corpus import note_sequences

    note_sequences.music_pb2()  # seconds, which no input shall be blamed for
    vars(note_sequences).update(masked=lambda _: _Fits(), crc32c=lambda _: 0)
    return _music("in.tfrecord", "melody", "notes")


def _foreign(name: str) -> Target:
    from livevae.models.foreign import import_model

    return lambda data: import_model.read(_file(name, data))


def _npz() -> Target:
    return _foreign("in.npz")


def _tar() -> Target:
    return _foreign("in.tar")


def _js() -> Target:
    from livevae.models.foreign import js_checkpoint

    def take(data: bytes) -> None:
        manifest, _, rest = data.partition(b"\0")
        settings, _, shard = rest.partition(b"\0")
        path = _file("js/" + js_checkpoint.MANIFEST, manifest)
        _file("js/" + js_checkpoint.SETTINGS, settings)
        _file("js/shard", shard)
        with suppress(LivevaeError):
            js_checkpoint.facts(path.parent)
        js_checkpoint.variables(path.parent)

    return take


class _Fits(int):
    """A checksum that fits: no mutation would ever find one."""

    def __eq__(self, _: object) -> bool:
        return True

    def __ne__(self, _: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 0


def _tf_bundle() -> Target:
    import numpy as np

    from livevae.models.foreign import tf_bundle

    vars(tf_bundle).update(masked=lambda _: _Fits())
    shard = np.zeros(4096, np.uint8)
    return lambda data: tf_bundle.tensors(data, lambda _: shard, lambda _: True, "in.index")


def _mag() -> Target:
    from livevae.models.foreign import magenta_rnn, tf_bundle

    vars(tf_bundle).update(masked=lambda _: _Fits())
    return lambda data: magenta_rnn.read(_file("in.mag", data))


def _persona() -> Target:
    from livevae.models.midime import files

    def take(data: bytes) -> None:
        path = _file("in.safetensors", data)
        with suppress(LivevaeError):
            files.describe(path)
        files.read(path)

    return take


def _checkpoint() -> Target:
    from livevae.models.checkpoints import files, step_files

    def take(data: bytes) -> None:
        path = _file("in.safetensors", data)
        for read in (files.describe, files.read, step_files.describe, step_files.read):
            with suppress(LivevaeError):
                read(path)

    return take


def _scene() -> Target:
    from livevae.perform.scene import parse

    return lambda data: parse(data.decode("utf-8", "replace"), "in.toml")


def _log() -> Target:
    from livevae import inputs

    return lambda data: inputs.load(_file("in.log", data))


def _riff() -> Target:
    from livevae.perform import crib

    return lambda data: crib.text(crib.parse(data.decode("utf-8", "replace")))


def _mqtt() -> Target:
    from livevae.edges.mqtt import commands, parcels, payloads, values

    readers: tuple[Callable[[dict[str, Any]], object], ...] = (
        values.RoomState.read,
        values.Line.read,
        values.RiffAhead.read,
        values.Jobs.read,
        values.Answer.read,
        commands.read,
        parcels.Manifest.read,
    )

    def take(data: bytes) -> None:
        table = payloads.read(data)
        for read in readers:
            with suppress(LivevaeError):
                read(table)

    return take


def _midi_in() -> Target:
    from livevae.music.stream import MessageStream

    def take(data: bytes) -> None:
        stream = MessageStream()
        for message in stream.feed(data):
            if message[0] < 0x80 or len(message) > len(data):
                raise AssertionError(message)

    return take


def _names() -> Target:
    from livevae.models.midime.files import checked_name
    from livevae.music import chords, keys
    from livevae.music.meter import parse
    from livevae.player.watch import alsa_links

    def take(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        alsa_links(text)
        for read in (keys.parse, parse, checked_name, chords.encode):
            with suppress(LivevaeError, ValueError):  # as their callers do
                read(text)

    return take


TARGETS: Mapping[str, Callable[[], Target]] = MappingProxyType(
    {
        "osc": _osc,
        "midi": _midi,
        "align": _align,
        "musicxml": _musicxml,
        "mxl": _mxl,
        "abc": _abc,
        "tfrecord": _tfrecord,
        "npz": _npz,
        "tar": _tar,
        "js": _js,
        "tf_bundle": _tf_bundle,
        "mag": _mag,
        "persona": _persona,
        "checkpoint": _checkpoint,
        "scene": _scene,
        "log": _log,
        "riff": _riff,
        "mqtt": _mqtt,
        "midi_in": _midi_in,
        "names": _names,
    }
)
"""Everything that is read of others, by what it is called here."""


# running


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`benchmarks fuzz`."""
    text = "everything that livevae reads of others, fuzzed by atheris (pip install atheris)"
    command = commands.add_parser("fuzz", help=text)
    command.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all: {', '.join(TARGETS)}")
    command.add_argument("--seconds", type=int, default=60, help="of each (60)")
    command.add_argument("--keep", type=Path, default=Path("fuzz"), help="gets inputs and findings (fuzz)")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fuzz one target after the other; 1 where something was found."""
    if find_spec("atheris") is None:
        raise LivevaeError("atheris is not installed here: pip install atheris")
    if unknown := [name for name in arguments.targets if name not in TARGETS]:
        raise LivevaeError(f"there is no target {unknown[0]!r}; there are: {', '.join(TARGETS)}")
    print("target       seconds      inputs    edges  findings")
    found = 0
    for name in arguments.targets or TARGETS:
        executed, edges, findings = _fuzz(name, arguments.seconds, arguments.keep / name)
        numbers = f"{arguments.seconds:>8} {executed:>11,} {edges:>8,}"
        print(f"{name:<11} {numbers}  {', '.join(findings) or 'none'}", flush=True)
        found += len(findings)
    return 1 if found else 0


def _fuzz(name: str, seconds: int, folder: Path) -> tuple[int, int, list[str]]:
    """Inputs that were tried, edges that were reached, and the files of those that are faults."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]()):
        (corpus / f"seed{number}").write_bytes(seed)
    before = set(folder.glob("[!s]*-*"))
    options = [
        f"-max_total_time={seconds}", f"-timeout={HANG}", f"-rss_limit_mb={MEMORY}", f"-max_len={LONGEST}",
        f"-artifact_prefix={folder}/", "-print_final_stats=1", "-close_fd_mask=1",
    ]  # fmt: skip
    with (folder / "log").open("w+b") as log:
        command = [sys.executable, "-m", "benchmarks.fuzz", name, *options, str(corpus)]
        subprocess.run(command, stdout=log, stderr=log, env=environment(), check=False)
        log.seek(0)
        text = log.read().decode(errors="replace")
    executed = [int(number) for number in re.findall(r"stat::number_of_executed_units:\s*(\d+)", text)]
    edges = [int(number) for number in re.findall(r"cov: (\d+)", text)]
    findings = sorted(str(path) for path in set(folder.glob("[!s]*-*")) - before)
    if not executed and not findings:
        findings = [f"it does not run: see {folder / 'log'}"]
    return executed[-1] if executed else 0, edges[-1] if edges else 0, findings


def _main(name: str, arguments: list[str]) -> None:
    """Hand over to atheris, which ends the process."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        target = TARGETS[name]()

    def take(data: bytes) -> None:
        with suppress(LivevaeError):
            target(data)

    atheris.Setup([sys.argv[0], *arguments], take)
    atheris.Fuzz()


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
