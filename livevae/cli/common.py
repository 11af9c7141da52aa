"""What every group of commands uses: one way to add a command, the options of models, numbers, output."""

import argparse
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from collections.abc import Container

    from livevae.ensemble import Mqtt
    from livevae.perform.protocols import Decoder
    from livevae.perform.scene import Scene
    from livevae.server import Models

DRUMS = 10
"""General MIDI's channel for drums."""

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  (argparse has no public name)


def add(
    commands: Commands,
    name: str,
    help_: str,
    run: Callable[[argparse.Namespace], int | None],
) -> argparse.ArgumentParser:
    """A command whose description is its help, as a sentence; `run` does it and may give the exit status."""
    command = commands.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
    command.set_defaults(run=run)
    return command


def old_name(command: argparse.ArgumentParser, name: str, **options: Any) -> None:
    """An option as it was called before: it works, and no help shows it."""
    command.add_argument(name, default=argparse.SUPPRESS, help=argparse.SUPPRESS, **options)


def add_model_options(command: argparse.ArgumentParser) -> None:
    """`--device` and `--model`."""
    command.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: %(default)s"
    )
    command.add_argument("--model", metavar="NAME|PATH", default="", help="default: the bundled melody model")


def add_mqtt_options(command: argparse.ArgumentParser) -> None:
    """`--mqtt`, `--mqtt-ca` and `--mqtt-map`, for who plays in an ensemble."""
    command.add_argument(
        "--mqtt",
        metavar="URL",
        help="take part in an ensemble: mqtt://USER@HOST:PORT/ENSEMBLE/ROOM, or mqtts:// (livevae[mqtt]);"
        " a password comes from LIVEVAE_MQTT_PASSWORD, or a file that LIVEVAE_MQTT_PASSWORD_FILE names",
    )
    command.add_argument(
        "--mqtt-ca", metavar="FILE", type=Path, help="with mqtts://: who signs; default: the system's"
    )
    command.add_argument(
        "--mqtt-map",
        metavar="TOPIC=VOICE",
        action="append",
        help="play what Strudel's .mqtt() sends to a topic as samples of a voice; may be repeated",
    )
    command.add_argument(
        "--decode",
        choices=("here", "mqtt"),
        default="here",
        help="mqtt: ask the ensemble's workers (livevae worker), and decode here what does not come in time",
    )


def mqtt_of(arguments: argparse.Namespace, scenes: str = "") -> "Mqtt | None":
    """The ensemble that `--mqtt` names, else the first scene; None without any.

    Raises:
        LivevaeError: the URL or a mapping is none, or is missing.
    """
    if (url := arguments.mqtt or scenes) == "":
        if arguments.mqtt_ca is not None or arguments.mqtt_map or arguments.decode == "mqtt":
            raise LivevaeError(
                "--mqtt-ca, --mqtt-map and --decode mqtt are for an ensemble: say which with --mqtt URL"
            )
        return None
    from livevae.edges.mqtt import topics
    from livevae.ensemble import Mqtt

    mapped = {}
    for text in arguments.mqtt_map or ():
        topic, _, voice = text.rpartition("=")
        if not topic or not voice or "#" in topic or "+" in topic:
            raise LivevaeError(f"--mqtt-map takes a topic and a voice, as in strudel=lead, not {text!r}")
        mapped[topic] = voice
    return Mqtt(topics.parse(url), arguments.mqtt_ca, mapped, arguments.decode == "mqtt")


def add_prior(command: argparse.ArgumentParser) -> None:
    """`--prior`."""
    from livevae.latent.recipe import LEARNED, PRIORS

    command.add_argument(
        "--prior",
        choices=PRIORS,
        default=LEARNED,
        help="where a model's own riffs come from: what was learned of music's z's, or N(0, 1); default: %(default)s",
    )


def open_models(arguments: argparse.Namespace) -> "Models":
    """The models that a server can load, as `--model` and `--device` say.

    Raises:
        LivevaeError: there is no such model.
    """
    from livevae.models import stepwise
    from livevae.models.checkpoints import shelf
    from livevae.models.fingerprint import fingerprint
    from livevae.models.live import LiveDecoder, chosen_device
    from livevae.models.midime.book import PersonaBook
    from livevae.perform.settings import LATENT
    from livevae.server import Models

    default = arguments.model or shelf.DEFAULT
    if not shelf.exists(default):
        raise LivevaeError(f"there is no model {default!r}; `livevae model list` shows those that are")

    device = chosen_device(arguments.device)
    book = PersonaBook(default)

    def load(name: str) -> "Decoder":
        if (stepping := stepwise.decoder(name or default)) is not None:
            return stepping
        return LiveDecoder.open(name or default, device=device, personas=book.personas)

    def known(name: str) -> bool:
        """A request from the network may name a model; it never names a path."""
        return not name or (not name.endswith(shelf.SUFFIX) and shelf.exists(name))

    def takes(name: str) -> "Container[str]":
        return stepwise.takes(name or default) or LATENT

    return Models(
        load, known, f"{default} on {device}", book, takes, lambda name: fingerprint(name or default)
    )


def warn_of_drums(scene: "Scene", say: Callable[[str], None]) -> None:
    """Say which voices play drums on a channel on which synths have none."""
    from livevae.models import stepwise
    from livevae.models.checkpoints import shelf, step_files

    here = shelf.entries()
    for name, voice in scene.voices.items():
        model = here.get(voice.settings.model)
        if model is None or voice.settings.channel == DRUMS:
            continue
        with contextlib.suppress(LivevaeError):
            stepping = stepwise.takes(model.name)
            if (
                stepwise.plays(step_files.describe(model.path)) == "drums"
                if stepping
                else model.describe()[0].music in ("drums", "groove")
            ):
                say(
                    f"scene   voice {name} plays the drums of {model.name} on channel {voice.settings.channel}: most"
                    f" synths have drums on {DRUMS} only, channel = {DRUMS}"
                )


def say(line: str) -> None:
    """A line on stdout, at once; a terminal that cannot show it, or is gone, or is a full disk, stops nothing."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError, ValueError):
        print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def positive(text: str) -> int:
    """An option's whole number, from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {text}")
    return number
