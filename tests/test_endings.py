"""Commands that are told to end, by Ctrl-C or SIGTERM: at once, with a status that says so, and with what they started."""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ears import wait_for

from livevae import cli
from livevae.cli import ending, rehearse
from livevae.cli.ensemble import _mosquitto
from livevae.errors import LivevaeError


def told(number: int, command: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit status of a command that gets a signal while it runs."""

    def parse(argv: object) -> object:
        os.kill(os.getpid(), number)
        raise AssertionError("it went on")

    monkeypatch.setattr(cli, "parser", parse)
    return cli.main([command])


def test_ctrl_c_and_sigterm_end_a_command_with_the_status_that_shells_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert told(signal.SIGINT, "render", monkeypatch) == 130
    with pytest.raises(SystemExit) as end:
        told(signal.SIGTERM, "render", monkeypatch)
    assert end.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            PermissionError(errno.EACCES, "no", "/night/datasets"),
            "livevae: /night/datasets: Permission denied\n",
        ),
        (OSError(errno.ENOSPC, "no"), "livevae: No space left on device\n"),
    ],
)
def test_a_folder_that_cannot_be_written_or_a_full_disk_is_a_sentence(
    wrong: OSError, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def parse(_: object) -> object:
        raise wrong

    monkeypatch.setattr(cli, "parser", parse)
    assert cli.main(["model"]) == 1
    assert capsys.readouterr().err == sentence
    with pytest.raises(OSError, match="no"):
        cli.main(["model", "--verbose"])


def test_a_fault_of_the_network_is_none_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(_: object) -> object:
        raise OSError(errno.EADDRINUSE, "in use")

    monkeypatch.setattr(cli, "parser", parse)
    with pytest.raises(OSError, match="in use"):
        cli.main(["model"])


def test_a_second_sigterm_is_the_systems_own() -> None:
    seen = []

    def be_told() -> None:
        with ending.terminable():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                seen.append(signal.getsignal(signal.SIGTERM))

    with pytest.raises(SystemExit):
        be_told()
    assert seen == [signal.SIG_DFL]


def test_beside_the_main_thread_nothing_is_caught() -> None:
    seen = []

    def look() -> None:
        with ending.terminable():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    before = signal.getsignal(signal.SIGTERM)
    thread.start()
    thread.join()
    assert seen == [before]


def test_what_runs_until_it_is_told_to_end_ends_well() -> None:
    for wanted in (KeyboardInterrupt(), SystemExit(143)):
        with ending.until_told():
            raise wanted
    with pytest.raises(SystemExit), ending.until_told():
        raise SystemExit(2)


def test_where_there_is_no_terminal_no_server_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(rehearse, "start", started.append)
    monkeypatch.setattr(rehearse, "answers", lambda *_: False)
    assert cli.main(["rehearse"]) == 1
    assert started == []


def test_a_server_that_nobody_has_seen_yet_ends_with_who_started_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    monkeypatch.setattr(rehearse, "_needs_terminal", lambda: None)
    monkeypatch.setattr(rehearse, "answers", lambda *_: False)
    monkeypatch.setattr(rehearse, "start", lambda _: (server, tmp_path / "log"))
    for wrong, status in ((LivevaeError("no"), 1), (KeyboardInterrupt(), 130)):

        def wait(*_: object, wrong: BaseException = wrong) -> None:
            raise wrong

        monkeypatch.setattr(rehearse, "wait", wait)
        assert cli.main(["rehearse"]) == status
    assert server.wait(20) == -signal.SIGTERM
    assert server.stdin is not None
    server.stdin.close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.mark.real
@pytest.mark.skipif(_mosquitto() is None, reason="mosquitto is not installed")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_broker_ends_with_the_command_that_started_it(number: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "livevae", "ensemble", "broker", "--port", str(port)]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as broker:
        wait_for(lambda: answers(port))
        broker.send_signal(number)
        assert broker.wait(20) == 0
    assert not answers(port)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lead", ["-1", "61", "nan", "inf"])
def test_a_lead_of_no_use_is_refused(lead: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--midi", "none", "--osc", "127.0.0.1:0", f"--lead={lead}"]) == 1
    assert capsys.readouterr().err == f"livevae: --lead is 0 to 60 seconds, not {lead}\n"


@pytest.mark.real
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_ends_well(number: signal.Signals) -> None:
    pytest.importorskip("aiomqtt")
    command = [sys.executable, "-m", "livevae", "worker", "--mqtt", f"mqtt://127.0.0.1:{free_port()}/night"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as worker:
        assert worker.stdout is not None
        words = worker.stdout.readline()
        worker.send_signal(number)
        words += worker.stdout.read()
        assert worker.wait(20) == 0
    assert "Traceback" not in words
