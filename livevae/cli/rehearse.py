"""`livevae watch` and `livevae rehearse`: the rehearsal UI, and a server with it that outlives it."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from livevae.cli.common import Commands, add, say
from livevae.cli.serve import add_serve_options
from livevae.errors import LivevaeError

LOGS_KEPT = 20
"""Logs of servers that are kept; older ones are removed."""

START = 120.0
"""Seconds that a server may take to start: on a slow machine a model takes a while to load."""


def add_commands(commands: Commands) -> None:
    """`watch` and `rehearse`."""
    text = "see, hear and shape what a running server plays: the rehearsal screen"
    command = add(commands, "watch", text, _run_watch)
    command.add_argument(
        "osc", nargs="?", metavar="HOST:PORT", default="127.0.0.1:7770", help="default: %(default)s"
    )
    command.add_argument(
        "--keys", action="store_true", help="print the keys as a config file, and where to put it"
    )
    command.add_argument(
        "--secret-file", metavar="FILE", type=Path, help="the word that a server on another machine asks for"
    )
    command.add_argument("--theme", choices=("auto", "dark", "light"), help="default: that of the terminal")
    text = "start a server that plays on whatever becomes of the screen, and the rehearsal screen"
    command = add(commands, "rehearse", text, _run_rehearse)
    add_serve_options(command)


def _run_watch(arguments: argparse.Namespace) -> int:
    from livevae.tui import keys

    config = keys.load(keys.place())
    if arguments.keys:
        say(f"# put this into {keys.place()}, and change what you like")
        say(keys.as_toml(config))
        return 0
    secret = ""
    if arguments.secret_file is not None:
        from livevae.cli.serve import secret_word

        secret = secret_word(arguments.secret_file)
    watch(*endpoint(arguments.osc), theme=arguments.theme, secret=secret)
    return 0


def endpoint(text: str) -> tuple[str, int]:
    """`HOST:PORT`, `:PORT` or `HOST` as host and port, without what OSC takes to load: the screen is there sooner.

    Raises:
        LivevaeError: the port is no number from 1 to 65535.
    """
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = text, "7770"
    if not (port.isascii() and port.isdecimal() and 0 < int(port) <= 0xFFFF):
        raise LivevaeError(f"watch takes HOST:PORT, as in 127.0.0.1:7770, not {text!r}")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def watch(host: str, port: int, *, theme: str | None = None, ours: bool = False, secret: str = "") -> str:
    """Show the screen until it is left; gives how: `stay`, `stop`, or `all` for the server too.

    Raises:
        LivevaeError: there is no terminal, or the config file is wrong.
    """
    from dataclasses import replace

    from livevae.tui import keys
    from livevae.tui.ground import ground

    _needs_terminal()
    config = keys.load(keys.place())
    chosen = theme or config.theme
    config = replace(config, theme=ground() if chosen == "auto" else chosen)
    from livevae.tui.app import Watch

    app = Watch((host, port), config, ours=ours, secret=secret)
    how = app.run() or "stay"
    if app.return_code:
        raise LivevaeError(
            "the screen has ended with a fault, which is above; the server plays on: `livevae watch`"
        )
    return how


def _needs_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise LivevaeError("the rehearsal screen needs a terminal; `livevae send /livevae/status` needs none")


def _run_rehearse(arguments: argparse.Namespace) -> int:
    from livevae.edges.osc.udp import parse_endpoint

    host, port = parse_endpoint(arguments.osc)
    local = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104  (compared, not bound)
    if answers(local, port):
        if arguments.scene is not None:
            raise LivevaeError(
                f"a server plays on {host}:{port} already: `livevae watch {host}:{port}` shows it,"
                f" or choose another port for a new one: --osc {host}:{port + 1}"
            )
        say(f"a server plays on {host}:{port} already; this is it")
        watch(local, port)
        return 0
    _needs_terminal()
    given = arguments.argv
    options = given[given.index("rehearse") + 1 :]
    server, log = start(options)
    try:
        wait(server, log, local, port)
    except BaseException:  # nobody has seen it yet, and nobody would know of it
        server.terminate()
        raise
    how = watch(local, port, ours=True)
    if how == "all":
        server.send_signal(signal.SIGTERM)
        server.wait()
        say("the server has ended; every note is released")
    else:
        what = "waits" if how == "stop" else "plays on"
        say(
            f"the server {what}: livevae watch {local}:{port} shows it again, kill {server.pid} ends it; log: {log}"
        )
    return 0


def start(options: list[str]) -> tuple["subprocess.Popen[bytes]", Path]:
    """Start `livevae serve` in a session of its own, so that it lives on when this terminal closes.

    Returns:
        The process, and the log with all it says.
    """
    from livevae.children import environment
    from livevae.home import home

    folder = home() / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in sorted(folder.glob("serve-*.log"))[: -LOGS_KEPT + 1]:
            old.unlink(missing_ok=True)
        path = folder / f"serve-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "livevae", "serve", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**environment(), "PYTHONUNBUFFERED": "1"},
            )
    except OSError as error:
        raise LivevaeError(f"the server's log cannot be written: {error}") from None
    return process, path


def wait(server: "subprocess.Popen[bytes]", log: Path, host: str, port: int) -> None:
    """Wait until the server answers, and show what it says meanwhile.

    Raises:
        LivevaeError: it ended, with its last words; or it takes too long.
    """
    shown = 0
    until = time.monotonic() + START
    say("starting the server ...")
    while True:
        text = log.read_text(encoding="utf-8", errors="replace")
        whole = text[: text.rfind("\n") + 1]
        for line in whole[shown:].splitlines():
            say(f"  {line}")
        shown = len(whole)
        if server.poll() is not None:
            last = text[shown:].strip()
            raise LivevaeError(
                "the server did not start; what it said is above" + (f": {last}" if last else "")
            )
        if answers(host, port, 0.3):
            return
        if time.monotonic() > until:
            raise LivevaeError(
                f"the server did not answer on {host}:{port} within {START:.0f} s and was ended; its log: {log}"
            )


def answers(host: str, port: int, patience: float = 0.2) -> bool:
    """Whether a livevae answers there."""
    from livevae.edges.osc.client import Client

    try:
        with Client(host, port, patience=patience) as client:
            client.ask("/livevae/ping")
    except LivevaeError:
        time.sleep(0.1)
        return False
    return True
