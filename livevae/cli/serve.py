"""`livevae serve`, `render`, `replay`: a scene, played."""

import argparse
import asyncio
import contextlib
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from livevae import __version__
from livevae.cli.common import (
    Commands,
    add,
    add_model_options,
    add_mqtt_options,
    add_prior,
    mqtt_of,
    open_models,
    positive,
    say,
    warn_of_drums,
)
from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from livevae.edges.osc.limits import Network

LONGEST_SECRET = 200


def add_commands(commands: Commands) -> None:
    """`serve`, `render` and `replay`."""
    _serve(commands)
    _render(commands)
    _replay(commands)


def _serve(commands: Commands) -> None:
    add_serve_options(add(commands, "serve", "play a scene, and listen to OSC", _run_serve))


def add_serve_options(command: argparse.ArgumentParser) -> None:
    """What `serve` takes, and `rehearse` with it."""
    command.add_argument("scene", nargs="?", metavar="SCENE", help="a TOML file, or a bundled scene's name")
    command.add_argument("--osc", metavar="HOST:PORT", default="127.0.0.1:7770", help="default: %(default)s")
    command.add_argument(
        "--allow",
        metavar="ADDRESS/PREFIX",
        type=_network,
        action="append",
        help="with --osc 0.0.0.0: read packets only from this network, as in 192.168.1.0/24, and from this machine;"
        " may be repeated",
    )
    command.add_argument(
        "--secret-file",
        metavar="FILE",
        type=Path,
        help="messages from other machines have to bring the word in this file, as a pair: secret WORD",
    )
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
        metavar="internal|link|midi[:NAME]|mqtt[:conduct]",
        type=_clock,
        default="internal",
        help="whose clock to go by; default: %(default)s. link is Ableton Link, an extra of its own: livevae[link]."
        " midi:NAME follows the output whose name has NAME in it, midi a port of our own, livevae-clock."
        " mqtt is the ensemble's time (--mqtt), mqtt:conduct takes its conductor's place",
    )
    add_mqtt_options(command)
    command.add_argument("--record", metavar="FILE.mid", type=Path, help="write what is sent to a MIDI file")
    command.add_argument("--log", metavar="FILE", type=Path, help="keep what comes in, for `livevae replay`")
    command.add_argument("--listen", action="store_true", help="start fluidsynth and play to it")
    command.add_argument("--bpm", type=float, help="tempo, in place of the scene's")
    command.add_argument("--seed", type=int, help="the night's random numbers; default: new ones")
    command.add_argument(
        "--lead", type=float, metavar="SECONDS", help="how early riffs are begun; default: measured"
    )
    add_prior(command)
    add_model_options(command)


def _clock(text: str) -> tuple[str, str]:
    """`midi:drumbox` as a clock and the device that sends it.

    Raises:
        argparse.ArgumentTypeError: it is none of those that there are.
    """
    source, _, device = text.partition(":")
    conducts = source == "mqtt" and device == "conduct"
    if source not in ("internal", "link", "midi", "mqtt") or (device and source != "midi" and not conducts):
        raise argparse.ArgumentTypeError(
            f"{text!r} is none of internal, link, midi, midi:NAME, mqtt and mqtt:conduct"
        )
    return source, device


def _network(text: str) -> "Network":
    """`192.168.1.0/24`.

    Raises:
        argparse.ArgumentTypeError: it is no network.
    """
    from livevae.edges.osc.limits import network

    try:
        return network(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no network, such as 192.168.1.0/24") from None


def secret_word(path: Path | None) -> str:
    """The word in a file, without the end of its line; "" where there is no file.

    Raises:
        LivevaeError: it cannot be read, or is no word that OSC can hold.
    """
    if path is None:
        return ""
    try:
        word = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise LivevaeError(f"--secret-file: {path} cannot be read: {error}") from None
    if not (0 < len(word) <= LONGEST_SECRET and word.isprintable()):
        raise LivevaeError(f"--secret-file: {path} has to hold one line of 1 to {LONGEST_SECRET} characters")
    return word


def _run_serve(arguments: argparse.Namespace) -> None:
    from livevae import crib, scene_files, server
    from livevae.edges.osc.udp import Door, parse_endpoint
    from livevae.perform.requests import Clock
    from livevae.perform.timing import MOST_LEAD
    from livevae.tempo.timeline import TempoError, checked_bpm

    server.allow_files()
    scene = scene_files.find(arguments.scene or scene_files.DEFAULT)
    if arguments.bpm is not None:
        try:
            scene = replace(scene, tempo=checked_bpm(arguments.bpm))
        except TempoError as error:
            raise LivevaeError(f"--bpm: {error}") from None
    own = (
        Path(arguments.scene).parent
        if arguments.scene and arguments.scene not in scene_files.bundled()
        else None
    )
    host, port = parse_endpoint(arguments.osc)
    if arguments.record is not None and not arguments.record.parent.is_dir():
        raise LivevaeError(f"--record: there is no folder {arguments.record.parent}")
    seed = secrets.randbits(31) if arguments.seed is None else arguments.seed
    door = Door(tuple(arguments.allow or ()), secret_word(arguments.secret_file))
    source, device = arguments.clock
    clock = Clock(
        source, device="" if source == "mqtt" else device, conduct=source == "mqtt" and device != ""
    )
    shelf = scene_files.Shelf(own)
    if arguments.lead is not None and not 0 <= arguments.lead <= MOST_LEAD:
        raise LivevaeError(f"--lead is 0 to {MOST_LEAD:.0f} seconds, not {arguments.lead:g}")
    options = server.Options(
        scene=scene,
        shelf=shelf.find,
        writes=shelf.write,
        host=host,
        port=port,
        midi=tuple(arguments.midi or ("virtual",)),
        midi_in=tuple(arguments.midi_in or ()),
        clock=clock,
        mqtt=mqtt_of(arguments, scene.mqtt),
        record=arguments.record,
        door=door,
        log=arguments.log,
        seed=seed,
        prior=arguments.prior,
        lead=arguments.lead,
    )
    models = open_models(arguments)
    say(f"livevae {__version__}, seed {seed}")
    warn_of_drums(scene, say)
    with contextlib.ExitStack() as stack:
        kept = crib.FileCrib(crib.folder(), lambda text: say(f"crib    {text}"))
        stack.callback(kept.close)
        options = replace(options, crib=kept)
        if arguments.listen:
            from livevae.listen import synth

            synth_port = stack.enter_context(synth(say))
            options = replace(options, midi=(*(arguments.midi or ()), synth_port))
        asyncio.run(server.serve(options, models, say))


def _render(commands: Commands) -> None:
    command = add(commands, "render", "play a scene into a MIDI file, faster than real time", _run_render)
    command.add_argument("scene", metavar="SCENE", help="a TOML file, or a bundled scene's name")
    command.add_argument("--bars", type=positive, default=16, metavar="N", help="default: %(default)s")
    command.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=".mid, or .wav through fluidsynth"
    )
    command.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes; default: 0")
    command.add_argument(
        "--gain", type=float, default=0.0, metavar="DB", help="of a WAV file: more or less than -14 LUFS"
    )
    command.add_argument(
        "--stems", action="store_true", help="beside the file, one a voice: FILE-VOICE.wav or .mid"
    )
    add_prior(command)
    add_model_options(command)


def _run_render(arguments: argparse.Namespace) -> None:
    from livevae import scene_files
    from livevae.music import midi_file
    from livevae.render import render, seconds

    if arguments.out.suffix.lower() not in (".mid", ".midi", ".wav"):
        raise LivevaeError(f"--out: {arguments.out} has to end in .mid or .wav")
    scene = scene_files.find(arguments.scene)
    models = open_models(arguments)
    warn_of_drums(scene, say)
    done = render(
        scene,
        models.load,
        bars=arguments.bars,
        seed=arguments.seed,
        has_model=models.known,
        takes=models.takes,
        personas=models.personas,
        prior=arguments.prior,
    )
    stems = {name: done.midi(name) for name in done.names} if arguments.stems else {}
    loud = ""
    if arguments.out.suffix.lower() == ".wav":
        from livevae.listen import write_wav

        loud = f", {write_wav(done.midi(), arguments.out, gain=arguments.gain, stems=stems):.1f} LUFS"
    else:
        try:
            midi_file.write(arguments.out, done.midi())
            for name, data in stems.items():
                midi_file.write(arguments.out.with_stem(f"{arguments.out.stem}-{name}"), data)
        except OSError as error:
            raise LivevaeError(f"--out: {arguments.out} cannot be written: {error.strerror}") from None
    notes = sum(data[0] & 0xF0 == 0x90 for _, data in done.messages)
    say(
        f"{arguments.out}: {arguments.bars} bars, {seconds(done):.1f} s, {done.riffs} riffs, {notes} notes{loud}"
    )


def _replay(commands: Commands) -> None:
    text = "play a night again from the log of what came in (serve --log), into a MIDI file"
    command = add(commands, "replay", text, _run_replay)
    command.add_argument("log", metavar="LOG", type=Path, help="what `livevae serve --log` has kept")
    command.add_argument("scene", nargs="?", metavar="SCENE", help="the scene that the night began with")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.mid")
    add_model_options(command)


def _run_replay(arguments: argparse.Namespace) -> None:
    from livevae import crib, inputs, scene_files
    from livevae.music import midi_file
    from livevae.player.recorder.smf import MidiFile
    from livevae.replay import replay

    log = inputs.load(arguments.log)
    if log.left_out:
        say(
            f"log     {log.left_out} inputs of that night were left out, for too much came in: it may sound different"
        )
    own = (
        Path(arguments.scene).parent
        if arguments.scene and arguments.scene not in scene_files.bundled()
        else None
    )
    models = open_models(arguments)
    file = MidiFile()
    done = replay(
        log,
        scene_files.find(arguments.scene or scene_files.DEFAULT),
        models.load,
        scenes=scene_files.Shelf(own).find,
        has_model=models.known,
        takes=models.takes,
        personas=models.personas,
        crib=crib.FileCrib(crib.folder()),
        file=file,
        fingerprint=models.fingerprint,
        say=lambda line: say(f"log     {line}"),
    )
    try:
        midi_file.write(arguments.out, file.encode())
    except OSError as error:
        raise LivevaeError(f"--out: {arguments.out} cannot be written: {error.strerror}") from None
    say(f"{arguments.out}: {len(log.inputs)} inputs, {done.notes} notes")
