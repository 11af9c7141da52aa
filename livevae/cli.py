"""The command line. Torch is imported only by the commands that decode or train."""

import argparse
import asyncio
import contextlib
import importlib
import logging
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from livevae import __version__
from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from livevae.perform.protocols import Decoder
    from livevae.server import Models

EXTRA_COMMANDS = (
    "livevae.models.persona_commands",
    "livevae.models.commands",
    "livevae.models.training_commands",
    "livevae.bench.commands",
)
"""Rooms that bring commands of their own: each has `add_commands(subparsers)`, and sets `run` on its parsers. They are
asked in this order until the command is known, so those that a performer waits for come first."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status.

    What a performer can mend ends with its sentence on stderr and status 1, never with a traceback.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser(argv).parse_args(argv)
    logging.basicConfig(level=logging.DEBUG if arguments.verbose else logging.WARNING, format="%(message)s")
    try:
        result = arguments.run(arguments)
    except LivevaeError as error:
        print(f"livevae: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    return int(result or 0)


def parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The whole command line; less the rooms that are not asked for, when `argv` names a command of our own."""
    top = argparse.ArgumentParser(
        "livevae", description="A live-coding performance server: MusicVAE, played in time over OSC."
    )
    top.add_argument("--version", action="version", version=f"livevae {__version__}")
    top.add_argument("--verbose", action="store_true", help="say more on stderr")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _serve(commands)
    _render(commands)
    _replay(commands)
    _add(commands, "ports", "show the MIDI ports that this system has", _run_ports)
    _doctor(commands)
    _osc(commands)
    _send(commands)
    for name in EXTRA_COMMANDS:
        if argv and argv[0] in commands.choices:
            break
        importlib.import_module(name).add_commands(commands)
    return top


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    help_: str,
    run: Callable[[argparse.Namespace], int | None],
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
    command.set_defaults(run=run)
    return command


# serve


def _serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _add(commands, "serve", "play a scene, and listen to OSC", _run_serve)
    command.add_argument("scene", nargs="?", metavar="SCENE", help="a TOML file, or a bundled scene's name")
    command.add_argument("--osc", metavar="HOST:PORT", default="127.0.0.1:7770", help="default: %(default)s")
    command.add_argument(
        "--midi",
        metavar="NAME",
        action="append",
        help="an output's name or a part of it, `virtual` (default: a port called livevae) or `none`; may be repeated",
    )
    command.add_argument(
        "--midi-in",
        metavar="NAME",
        action="append",
        help="listen to an input: notes to record, controllers that turn settings, program changes for scenes;"
        " a name or a part of it, or `virtual` for a port of our own; may be repeated",
    )
    command.add_argument(
        "--clock",
        metavar="internal|link|midi[:NAME]",
        type=_clock,
        default="internal",
        help="whose clock to go by; default: %(default)s. link is Ableton Link, an extra of its own: livevae[link]."
        " midi:NAME follows the output whose name has NAME in it, midi a port of our own, livevae-clock",
    )
    command.add_argument("--record", metavar="FILE.mid", type=Path, help="write what is sent to a MIDI file")
    command.add_argument("--log", metavar="FILE", type=Path, help="keep what comes in, for `livevae replay`")
    command.add_argument("--listen", action="store_true", help="start fluidsynth and play to it")
    command.add_argument("--bpm", type=float, help="tempo, in place of the scene's")
    command.add_argument("--seed", type=int, help="the night's random numbers; default: new ones")
    command.add_argument(
        "--lead", type=float, metavar="SECONDS", help="how early riffs are begun; default: measured"
    )
    _model_options(command)


def _model_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: %(default)s"
    )
    command.add_argument("--model", metavar="NAME|PATH", default="", help="default: the bundled melody model")
    command.add_argument(
        "--precision",
        choices=("float32", "float16", "bf16", "int8"),
        default="float32",
        help="of the weights that a CPU reads every step: fewer bits make large models faster, and change some notes"
        " (docs/decoding.md); default: %(default)s, exact",
    )


def _clock(text: str) -> tuple[str, str]:
    """`midi:drumbox` as a clock and the device that sends it.

    Raises:
        argparse.ArgumentTypeError: it is none of those that there are.
    """
    source, _, device = text.partition(":")
    if source not in ("internal", "link", "midi") or (device and source != "midi"):
        raise argparse.ArgumentTypeError(f"{text!r} is none of internal, link, midi and midi:NAME")
    return source, device


def _run_serve(arguments: argparse.Namespace) -> None:
    from livevae import server, shelf
    from livevae.edges.udp import parse_endpoint
    from livevae.perform.requests import Clock
    from livevae.tempo.timeline import TempoError, checked_bpm

    scene = shelf.find(arguments.scene or shelf.DEFAULT)
    if arguments.bpm is not None:
        try:
            scene = replace(scene, tempo=checked_bpm(arguments.bpm))
        except TempoError as error:
            raise LivevaeError(f"--bpm: {error}") from None
    own = Path(arguments.scene).parent if arguments.scene and arguments.scene not in shelf.bundled() else None
    host, port = parse_endpoint(arguments.osc)
    if arguments.record is not None and not arguments.record.parent.is_dir():
        raise LivevaeError(f"--record: there is no folder {arguments.record.parent}")
    seed = secrets.randbits(31) if arguments.seed is None else arguments.seed
    options = server.Options(
        scene=scene,
        shelf=shelf.Shelf(own).find,
        host=host,
        port=port,
        midi=tuple(arguments.midi or ("virtual",)),
        midi_in=tuple(arguments.midi_in or ()),
        clock=Clock(arguments.clock[0], device=arguments.clock[1]),
        record=arguments.record,
        log=arguments.log,
        seed=seed,
        lead=arguments.lead,
    )
    models = _models(arguments)
    _say(f"livevae {__version__}, seed {seed}")
    with contextlib.ExitStack() as stack:
        if arguments.listen:
            from livevae.listen import synth

            synth_port = stack.enter_context(synth(_say))
            options = replace(options, midi=(*(arguments.midi or ()), synth_port))
        asyncio.run(server.serve(options, models, _say))


def _models(arguments: argparse.Namespace) -> "Models":
    from livevae.models import store
    from livevae.models.decoder import LiveDecoder, chosen_device
    from livevae.models.persona_book import PersonaBook
    from livevae.server import Models

    default = arguments.model or store.DEFAULT
    if not store.exists(default):
        raise LivevaeError(f"there is no model {default!r}; `livevae model list` shows those that are")

    device = chosen_device(arguments.device)
    book = PersonaBook(default)

    def load(name: str) -> "Decoder":
        return LiveDecoder.open(
            name or default, device=device, precision=arguments.precision, personas=book.personas
        )

    def known(name: str) -> bool:
        """A request from the network may name a model; it never names a path."""
        return not name or (not name.endswith(store.SUFFIX) and store.exists(name))

    narrow = "" if arguments.precision == "float32" else f" in {arguments.precision}"
    return Models(load, known, f"{default} on {device}{narrow}", book)


def _say(line: str) -> None:
    print(line, flush=True)


# render


def _render(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _add(commands, "render", "play a scene into a MIDI file, faster than real time", _run_render)
    command.add_argument("scene", metavar="SCENE", help="a TOML file, or a bundled scene's name")
    command.add_argument("--bars", type=_positive, default=16, metavar="N", help="default: %(default)s")
    command.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=".mid, or .wav through fluidsynth"
    )
    command.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes; default: 0")
    _model_options(command)


def _run_render(arguments: argparse.Namespace) -> None:
    from livevae import shelf
    from livevae.music import midi_file
    from livevae.render import render, seconds

    scene = shelf.find(arguments.scene)
    models = _models(arguments)
    done = render(
        scene,
        models.load,
        bars=arguments.bars,
        seed=arguments.seed,
        has_model=models.known,
        personas=models.personas,
    )
    if arguments.out.suffix.lower() == ".wav":
        from livevae.listen import write_wav

        write_wav(done.midi(), arguments.out)
    else:
        try:
            midi_file.write(arguments.out, done.midi())
        except OSError as error:
            raise LivevaeError(f"--out: {arguments.out} cannot be written: {error.strerror}") from None
    notes = sum(data[0] & 0xF0 == 0x90 for _, data in done.messages)
    _say(f"{arguments.out}: {arguments.bars} bars, {seconds(done):.1f} s, {done.riffs} riffs, {notes} notes")


# replay


def _replay(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "play a night again from the log of what came in (serve --log), into a MIDI file"
    command = _add(commands, "replay", text, _run_replay)
    command.add_argument("log", metavar="LOG", type=Path, help="what `livevae serve --log` has kept")
    command.add_argument("scene", nargs="?", metavar="SCENE", help="the scene that the night began with")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.mid")
    _model_options(command)


def _run_replay(arguments: argparse.Namespace) -> None:
    from livevae import inputs, shelf
    from livevae.music import midi_file
    from livevae.replay import replay

    try:
        with arguments.log.open(encoding="utf-8") as file:
            log = inputs.read(file)
    except (OSError, UnicodeDecodeError) as error:
        raise LivevaeError(f"{arguments.log} cannot be read as a log: {error}") from None
    own = Path(arguments.scene).parent if arguments.scene and arguments.scene not in shelf.bundled() else None
    models = _models(arguments)
    done = replay(
        log,
        shelf.find(arguments.scene or shelf.DEFAULT),
        models.load,
        scenes=shelf.Shelf(own).find,
        has_model=models.known,
        personas=models.personas,
    )
    try:
        midi_file.write(arguments.out, done.midi())
    except OSError as error:
        raise LivevaeError(f"--out: {arguments.out} cannot be written: {error.strerror}") from None
    notes = sum(one.data[0] & 0xF0 == 0x90 for one in done.sent)
    _say(f"{arguments.out}: {len(log.inputs)} inputs, {notes} notes")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {text}")
    return number


# looking around


def _run_ports(_: argparse.Namespace) -> None:
    from livevae.midi import list_inputs, list_ports

    found = list_ports()
    for option, ports in (("--midi", found), ("--midi-in", list_inputs())):
        for system, name in ports:
            _say(f"{option:<10} {system:<8} {name}")
    if not found:
        _say(
            "no MIDI output is here to connect to; `livevae serve` opens one of its own, `livevae doctor` says more"
        )


def _doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _add(
        commands, "doctor", "what works here: MIDI, model, timing, and the lead that follows", _run_doctor
    )
    _model_options(command)


def _run_doctor(arguments: argparse.Namespace) -> int:
    from livevae import doctor

    return doctor.examine(_models(arguments), _say)


def _osc(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    _add(commands, "osc", "print the OSC addresses and what they take", _run_osc)


def _run_osc(_: argparse.Namespace) -> None:
    from livevae.edges.manual import table_text

    _say(table_text())


def _send(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _add(
        commands, "send", "send one OSC message to a running server and print its answer", _run_send
    )
    command.add_argument("address", help="such as /livevae/status")
    command.add_argument(
        "arguments", nargs="*", help="numbers are sent as numbers; put -- before negative ones"
    )
    command.add_argument("--osc", metavar="HOST:PORT", default="127.0.0.1:7770", help="default: %(default)s")


def _run_send(arguments: argparse.Namespace) -> None:
    from livevae.edges.client import Client
    from livevae.edges.udp import parse_endpoint

    host, port = parse_endpoint(arguments.osc)
    with Client(host, port) as livevae:
        answer = livevae.ask(arguments.address, *(_typed(word) for word in arguments.arguments))
    for name, value in answer.items():
        _say(f"{name:<16} {value}")


def _typed(word: str) -> int | float | str:
    """A word of the command line as OSC's i, f or s."""
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
