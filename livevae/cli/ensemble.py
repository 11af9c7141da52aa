"""`livevae ensemble`: who is in it, a command for it, a broker to try it with; `livevae worker`: decodes for it."""

import argparse
import asyncio
import contextlib
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livevae.cli.common import Commands, add, add_model_options, open_models, say
from livevae.cli.ending import until_told
from livevae.errors import LivevaeError
from livevae.whole_files import workshop

if TYPE_CHECKING:
    from livevae.edges.mqtt.clients import Watcher
    from livevae.edges.mqtt.parcels import Manifest

BACK = 10.0
"""Seconds within which a broker gives back what it keeps."""

URL = "mqtt://USER@HOST:PORT/ENSEMBLE"


def add_commands(commands: Commands) -> None:
    """`ensemble`, with its own commands, and `worker`."""
    top = commands.add_parser(
        "ensemble",
        help="several livevaes over MQTT: watch them, send them a command, start a broker",
        description="Several livevaes that play together over MQTT (livevae serve --mqtt).",
    )
    kinds = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _watch(kinds)
    _do(kinds)
    _parcels(kinds)
    _broker(kinds)
    _worker(commands)


def _url(command: argparse.ArgumentParser, metavar: str = URL) -> None:
    command.add_argument("url", metavar="URL", help=f"{metavar}, or mqtts://")
    command.add_argument("--mqtt-ca", metavar="FILE", type=Path, help="with mqtts://: who signs")


def _watch(commands: Commands) -> None:
    command = add(commands, "watch", "show who is here, in time by how much, playing what", _run_watch)
    _url(command)
    command.add_argument("--once", action="store_true", help="show it once, and end")


def _run_watch(arguments: argparse.Namespace) -> None:
    from livevae.edges.mqtt import topics

    asyncio.run(_watching(topics.parse(arguments.url, room=False), arguments.mqtt_ca, once=arguments.once))


async def _watching(address: Any, ca: Path | None, *, once: bool) -> None:
    from rich.console import Console
    from rich.live import Live

    from livevae.edges.mqtt.clients import Watcher

    watcher = Watcher(address.place)
    async with _connected(address, ca, watcher) as connection:
        if once:
            await _online(connection)
            await asyncio.sleep(1.5)
            Console(markup=False).print(_table(watcher))
            return
        with Live(_table(watcher), console=Console(markup=False), auto_refresh=False) as live:
            while True:
                live.update(_table(watcher, connection.why), refresh=True)
                await asyncio.sleep(0.5)


def _table(watcher: "Watcher", why: str = "") -> Any:
    from rich.table import Table

    from livevae.edges.mqtt.clients import HEADINGS

    line = watcher.line
    title = "nobody conducts"
    if line is not None and watcher.conductor:
        title = f"{line.conductor} conducts: {line.bpm:.1f} bpm, {line.meter}"
    if not watcher.online.is_set():
        title = f"no broker: {why}" if why else "no broker"
    table = Table(*HEADINGS, title=title, title_justify="left")
    for row in watcher.rows:
        table.add_row(*row)
    return table


def _do(commands: Commands) -> None:
    command = add(commands, "do", "send a command to one room, or to all, and print the answers", _run_do)
    _url(command, "mqtt://USER@HOST:PORT/ENSEMBLE[/ROOM]; without a room, to all")
    command.add_argument("address", help="an OSC address, such as /livevae/play")
    command.add_argument("arguments", nargs="*", help="as for `livevae send`")
    command.add_argument(
        "--at-beat", type=float, metavar="BEAT", help="the ensemble's beat on which it should sound"
    )
    command.add_argument("--wait", type=float, default=1.0, metavar="SECONDS", help="for answers; default: 1")


def _run_do(arguments: argparse.Namespace) -> int:
    from livevae.edges.mqtt import topics

    return asyncio.run(_doing(topics.parse(arguments.url, room=False), arguments))


async def _doing(address: Any, arguments: argparse.Namespace) -> int:
    import secrets

    from livevae.edges.mqtt.clients import Asker
    from livevae.edges.mqtt.payloads import write
    from livevae.edges.osc.words import typed

    name = f"desk-{secrets.token_hex(4)}"
    asker = Asker(address.place, name)
    table: dict[str, object] = {
        "address": arguments.address,
        "args": [typed(word) for word in arguments.arguments],
        "id": secrets.token_hex(4),
        "reply": name,
    }
    if arguments.at_beat is not None:
        table["at_beat"] = arguments.at_beat
    async with _connected(address, arguments.mqtt_ca, asker) as connection:
        await _online(connection)
        connection.send(address.place.topic(address.place.room or "all", "do"), write(table), 1)
        await asyncio.sleep(arguments.wait)
    for room, answer in asker.answers:
        words = " ".join(
            f"{key} {value}" for key, value in answer.items() if key not in ("id", "address", "ok")
        )
        say(f"{room:<16} {words}")
    if not asker.answers:
        later = "; it waits for its beat" if arguments.at_beat is not None else ""
        say(
            f"no room answered within {arguments.wait:g} s{later or '; is one there, and may you command it?'}"
        )
        return 0 if arguments.at_beat is not None else 1
    return 0 if all(answer.get("ok") for _, answer in asker.answers) else 1


def _parcels(commands: Commands) -> None:
    offer = add(commands, "offer", "put a persona where every room can take it", _run_offer)
    fetch = add(
        commands, "fetch", "take a persona that another room offers into the folder of personas", _run_fetch
    )
    withdraw = add(commands, "withdraw", "no longer offer a persona", _run_withdraw)
    for command in (offer, fetch, withdraw):
        command.add_argument("persona", metavar="PERSONA")
        _url(command)
    offer.add_argument(
        "--licence", default="not stated", help="what others may do with it; default: %(default)s"
    )
    fetch.add_argument("--replace", action="store_true", help="even where one of that name is here")


def _run_offer(arguments: argparse.Namespace) -> None:
    from livevae.edges.mqtt import parcels
    from livevae.models.midime import files

    path = files.find(arguments.persona).path
    card = files.describe(path)
    name = files.checked_name(arguments.persona)
    manifest, pieces = parcels.parcel(name, path.read_bytes(), card.model, arguments.licence)
    messages = [((str(i),), piece) for i, piece in enumerate(pieces)]
    asyncio.run(_retain(arguments, name, [*messages, ((), manifest.payload())], manifest))
    say(
        f"{name} is offered: {manifest.size} bytes, for models of identity {card.model}; licence: {manifest.licence}"
    )


def _run_withdraw(arguments: argparse.Namespace) -> None:
    from livevae.models.midime import files

    name = files.checked_name(arguments.persona)
    asyncio.run(_withdrawing(arguments, name))
    say(f"{name} is no longer offered")


async def _withdrawing(arguments: argparse.Namespace, name: str) -> None:
    from livevae.edges.mqtt import topics
    from livevae.edges.mqtt.parcels import Assembler

    address = topics.parse(arguments.url, room=False)
    assembler = Assembler(address.place, name)
    async with _connected(address, arguments.mqtt_ca, assembler) as connection:
        await _online(connection)
        await asyncio.sleep(1.0)
    pieces = assembler.manifest.pieces if assembler.manifest is not None else 0
    await _retain(arguments, name, [((), b""), *(((str(i),), b"") for i in range(pieces))])


async def _retain(
    arguments: argparse.Namespace,
    name: str,
    messages: list[tuple[tuple[str, ...], bytes]],
    offered: "Manifest | None" = None,
) -> None:
    """Let the broker keep these messages, below the persona's topic.

    Raises:
        LivevaeError: what is `offered` does not come back: the broker did not take it.
    """
    from livevae.edges.mqtt import topics
    from livevae.edges.mqtt.parcels import Assembler

    address = topics.parse(arguments.url, room=False)
    assembler = Assembler(address.place, name)
    async with _connected(address, arguments.mqtt_ca, assembler) as connection:
        await _online(connection)
        for parts, payload in messages:
            connection.send(address.place.topic("persona", name, *parts), payload, 1, True)
            await connection.drained()
        until = time.monotonic() + BACK
        while offered is not None and not assembler.has(offered):
            if time.monotonic() > until:
                raise LivevaeError(
                    f"{name} is not offered: the broker does not let {address.user or 'everybody'} write"
                    f" {address.place.topic('persona', '#')} (its ACL)"
                )
            await asyncio.sleep(0.05)


def _run_fetch(arguments: argparse.Namespace) -> None:
    from livevae.edges.mqtt import topics
    from livevae.models.midime import files, fitting

    name = files.checked_name(arguments.persona)
    if not arguments.replace and name in files.entries():
        raise LivevaeError(
            f"there is a persona {name} here already; --replace takes the other one all the same"
        )
    address = topics.parse(arguments.url, room=False)
    manifest, data = asyncio.run(_fetching(address, arguments.mqtt_ca, name))
    with tempfile.TemporaryDirectory(prefix=workshop()) as folder:
        path = Path(folder) / f"{name}{files.SUFFIX}"
        path.write_bytes(data)
        persona = files.read(path)
        if persona.model != manifest.model:
            raise LivevaeError(f"{name} speaks another model's z than its manifest says; it was not kept")
        kept = files.save(persona)
    say(f"{name} is in {kept}; licence: {manifest.licence}. /livevae/persona/load {name} plays it")
    if words := fitting.trouble(persona):
        say(f"but not here: {words}")


async def _fetching(address: Any, ca: Path | None, name: str, patience: float = 20.0) -> Any:
    from livevae.edges.mqtt.parcels import Assembler

    assembler = Assembler(address.place, name)
    async with _connected(address, ca, assembler) as connection:
        await _online(connection)
        try:
            await asyncio.wait_for(assembler.whole.wait(), patience)
        except TimeoutError:
            known = "not all of it came" if assembler.manifest is not None else "nobody offers it"
            raise LivevaeError(
                f"{name} was not fetched: {known} (livevae ensemble offer {name} URL)"
            ) from None
    return assembler.manifest, assembler.data


def _worker(commands: Commands) -> None:
    command = add(
        commands, "worker", "decode riffs for the servers of an ensemble (serve --decode mqtt)", _run_worker
    )
    command.add_argument("--mqtt", metavar="URL", required=True, help=f"{URL}, or mqtts://")
    command.add_argument("--mqtt-ca", metavar="FILE", type=Path, help="with mqtts://: who signs")
    add_model_options(command)


def _run_worker(arguments: argparse.Namespace) -> None:
    from livevae.edges.mqtt import topics
    from livevae.ensemble import work

    address = topics.parse(arguments.mqtt, room=False)
    with until_told():
        asyncio.run(work(address, arguments.mqtt_ca, open_models(arguments), say))


@contextlib.asynccontextmanager
async def _connected(address: Any, ca: Path | None, client: Any) -> Any:
    """A connection that is kept while the block lasts."""
    import secrets

    from livevae.edges.mqtt.connection import Connection

    identifier = f"livevae-{address.place.ensemble}-{secrets.token_hex(6)}"
    connection = Connection(address, identifier, ca=ca, say=lambda _: None)
    task = asyncio.create_task(connection.keep(client))
    try:
        yield connection
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _online(connection: Any, patience: float = 5.0) -> None:
    until = time.monotonic() + patience
    while not connection.online:
        if time.monotonic() > until:
            hint = (
                "" if "code:" in connection.why else "; `livevae ensemble broker` starts one on this machine"
            )
            raise LivevaeError(f"no broker at {connection.where}: {connection.why or 'no answer'}{hint}")
        await asyncio.sleep(0.02)


def _broker(commands: Commands) -> None:
    command = add(
        commands,
        "broker",
        "run a broker on this machine alone, without passwords, for a first try",
        _run_broker,
    )
    command.add_argument("--port", type=int, default=1883, help="default: %(default)s")


def _run_broker(arguments: argparse.Namespace) -> int:
    """Mosquitto where it is installed, else amqtt (livevae[broker])."""
    from importlib.util import find_spec

    port = arguments.port
    if not 1 <= port <= 65535:
        raise LivevaeError(f"--port is 1 to 65535, not {port}")
    if (program := _mosquitto()) is not None:
        say(f"mosquitto on 127.0.0.1:{port}, for this machine alone, without passwords. Ctrl-C stops.")
        with tempfile.TemporaryDirectory(prefix=workshop()) as folder:
            config = Path(folder) / "mosquitto.conf"
            config.write_text(
                f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n"
            )
            with until_told(), subprocess.Popen([program, "-c", str(config)]) as broker:
                try:
                    return broker.wait()
                finally:
                    broker.terminate()
                    broker.wait()
            return 0
    if find_spec("amqtt") is None:
        raise LivevaeError(
            "no broker is installed here: install mosquitto (Debian: apt install mosquitto; macOS: brew install"
            " mosquitto), or pip install 'livevae[broker]' for amqtt"
        )
    say(f"amqtt on 127.0.0.1:{port}, for this machine alone, without passwords. Ctrl-C stops.")
    say(
        "amqtt is for a first try: it has no shared subscriptions (no decode workers), and it tells newcomers"
        " retained messages that they did not ask for. For a stage, install mosquitto."
    )
    with until_told():
        return asyncio.run(_amqtt(port))
    return 0


def _mosquitto() -> str | None:
    """Debian keeps it where only root looks."""
    found = shutil.which("mosquitto")
    return found or next(
        (p for p in ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto") if Path(p).exists()), None
    )


async def _amqtt(port: int) -> int:
    import importlib

    broker_module: Any = importlib.import_module("amqtt.broker")
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    broker = broker_module.Broker(config)
    await broker.start()
    try:
        await asyncio.Event().wait()
    finally:
        await broker.shutdown()
    return 0
