"""`livevae ports`, `doctor`, `osc`, `send`: what is here, and what a server answers."""

import argparse
import math

from livevae.cli.common import Commands, add, add_model_options, open_models, say


def add_commands(commands: Commands) -> None:
    """`ports`, `doctor`, `osc` and `send`."""
    add(commands, "ports", "show the MIDI ports that this system has", _run_ports)
    _doctor(commands)
    _osc(commands)
    _send(commands)


def _run_ports(_: argparse.Namespace) -> None:
    from livevae.midi import list_inputs, list_ports

    found = list_ports()
    for option, ports in (("--midi", found), ("--midi-in", list_inputs())):
        for system, name in ports:
            say(f"{option:<10} {system:<8} {name}")
    if not found:
        say(
            "no MIDI output is here to connect to; `livevae serve` opens one of its own, `livevae doctor` says more"
        )


def _doctor(commands: Commands) -> None:
    command = add(
        commands, "doctor", "what works here: MIDI, model, timing, and the lead that follows", _run_doctor
    )
    add_model_options(command)


def _run_doctor(arguments: argparse.Namespace) -> int:
    from livevae import doctor

    return doctor.examine(open_models(arguments), say)


def _osc(commands: Commands) -> None:
    add(commands, "osc", "print the OSC addresses and what they take", _run_osc)


def _run_osc(_: argparse.Namespace) -> None:
    from livevae.edges.osc.manual import table_text

    say(table_text())


def _send(commands: Commands) -> None:
    command = add(
        commands, "send", "send one OSC message to a running server and print its answer", _run_send
    )
    command.add_argument("address", help="such as /livevae/status")
    command.add_argument(
        "arguments", nargs="*", help="numbers are sent as numbers; put -- before negative ones"
    )
    command.add_argument("--osc", metavar="HOST:PORT", default="127.0.0.1:7770", help="default: %(default)s")
    command.add_argument(
        "--wait",
        metavar="SECONDS",
        type=float,
        default=0.0,
        help="print what is answered later, too, for so long: which knob was learned, how a training goes",
    )
    command.add_argument("--follow", action="store_true", help="the same until Ctrl-C")


def _run_send(arguments: argparse.Namespace) -> None:
    from livevae.edges.osc.client import Client
    from livevae.edges.osc.udp import parse_endpoint
    from livevae.edges.osc.words import spelled, typed

    host, port = parse_endpoint(arguments.osc)
    with Client(host, port) as livevae:
        answer = livevae.ask(arguments.address, *(typed(word) for word in arguments.arguments))
        for name, value in answer.items():
            say(f"{name:<16} {spelled(value)}")
        for message in livevae.later(math.inf if arguments.follow else arguments.wait):
            say(" ".join((message.address, *map(spelled, message.args))))
