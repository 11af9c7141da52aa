"""Real hosts with the patches that we ship: SuperCollider, TidalCycles, Strudel, Pure Data.

Each plays the lines that its patch tells a performer to play, against a listening edge on the loopback. A host that
is not installed is skipped, saying so; SuperCollider is part of continuous integration and must not be.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest

from livevae.edges.osc.codec import Message, decode, encode
from livevae.perform.requests import (
    LoadScene,
    Panic,
    PersonaList,
    Ping,
    Play,
    Sample,
    Set,
    Status,
    Stop,
    Tempo,
)

pytestmark = pytest.mark.real

PATCHES = Path(__file__).parents[2] / "patches"
PEER = Path(__file__).with_name("strudel_peer.mjs")
LONG = 60.0


def host(program, *, always_in_ci=False):
    """The path of an installed host; skips the test without it."""
    path = shutil.which(program)
    if path is None and always_in_ci and os.environ.get("CI"):
        pytest.fail(f"{program} is missing, and continuous integration installs it")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def plain(requests):
    """Requests without their time, floats rounded to what a float32 holds."""
    return [replace(request, at=None, **_rounded(request)) for request in requests]


def _rounded(request):
    if "settings" not in {field.name for field in fields(request)}:
        return {}
    return {
        "settings": {
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in request.settings.items()
        }
    }


def examples(patch, start):
    """The lines that the head of `patch` tells a performer to play."""
    return [
        match[1]
        for match in re.finditer(rf"^[-/# ]*({start}.*)$", (PATCHES / patch).read_text(), re.MULTILINE)
    ]


def test_supercollider_plays_the_lines_of_its_patch_and_posts_the_answers(heard, tmp_path):
    lines = examples("livevae.scd", r"(?:~lv\.\(\\|Pbind)")
    driver = tmp_path / "driver.scd"
    driver.write_text(f"""
        var answers = 0;
        ~livevae = NetAddr("127.0.0.1", {heard.port});
        "{PATCHES / "livevae.scd"}".load;
        ~post = ~livevaeHeard;
        ~livevaeHeard = {{ |answer, address|
            ~post.(answer, address);
            if((answers = answers + 1) == {len(lines)}) {{ {{ 0.exit }}.defer }};
        }};
        {" ".join(lines)}
        {{ {LONG / 2}.wait; 1.exit }}.fork;
    """)
    tmp_path.chmod(0o700)
    env = {
        **os.environ,
        "QTWEBENGINE_DISABLE_SANDBOX": "1",
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    posted = _output([host("sclang", always_in_ci=True), str(driver)], env=env)
    assert plain(heard.requests) == [
        Ping(),
        Set("lead", {"bars": 2, "temp": 0.8}, new=True),
        Play("lead"),
        Set("lead", {"temp": 1.3, "transpose": 12}),
        Sample("lead", {"bars": 1, "seed": 7}),
        Tempo(140.0, over=16.0),
        Status(),
        Stop("lead"),
        LoadScene("first-light"),
        Stop(),
        Panic(),
        Sample("lead", {"bars": 1, "temp": 0.3}),
    ]
    assert 0.1 < max(heard.ahead) <= 0.201
    assert posted.count("/livevae/reply") == len(lines)
    assert "'address': /livevae/scene" in posted
    assert "ERROR" not in posted


def test_tidal_plays_the_lines_of_its_patch_and_its_pattern_arrives_on_the_cycle(heard):
    lines = examples("BootLivevae.hs", r"(?:once \$|d1 \$)")
    boot = f"""
        :set prompt ""
        :set -XOverloadedStrings
        import Sound.Tidal.Context
        import Control.Concurrent
        :script {PATCHES / "BootLivevae.hs"}
        tidal <- startStream defaultConfig [(livevaeTarget {{oPort = {heard.port}, oLatency = 0.2}}, livevaeShapes)]
        let once = streamOnce tidal
        let d1 = streamReplace tidal 1
    """
    play = [
        line if line.startswith("once") else f"{line.replace('slow 2', 'fast 2')}\nthreadDelay 2000000"
        for line in lines
    ]
    path = host("ghci")
    if "tidal" not in _output(["ghc-pkg", "--simple-output", "list", "tidal"]):
        pytest.skip("Tidal is not installed")
    posted = _output(
        [path, "-v0", "-ignore-dot-ghci"], text="\n".join([*map(str.strip, boot.splitlines()), *play, ""])
    )
    once = plain(heard.requests)
    riffs = [request for request in once if isinstance(request, Sample)]
    assert [request for request in once if not isinstance(request, Sample)] == [
        Set("lead", {"bars": 2, "temp": 0.8}, new=True),
        Play("lead"),
        Tempo(140.0, over=16.0),
        Stop("lead"),
        LoadScene("first-light"),
        Panic(),
        PersonaList(),
    ]
    assert len(riffs) >= 2
    calm, wild = ({"bars": 1, "temp": 0.3, "transpose": 0}, {"bars": 1, "temp": 1.2, "transpose": 12})
    assert all(riff.voice == "lead" and riff.settings in (calm, wild) for riff in riffs)
    times = [request.at for request in heard.requests if isinstance(request, Sample) and request.at]
    half_a_cycle = 0.5 / 0.5625
    assert times[1] - times[0] == pytest.approx(half_a_cycle, abs=0.02)
    assert heard.errors == []
    assert "error" not in posted


def test_no_name_of_ours_hides_a_function_of_tidals():
    """Where Tidal has a parameter of that name, ours takes its place; a function of that name is left alone."""
    path = host("ghci")
    if "tidal" not in _output(["ghc-pkg", "--simple-output", "list", "tidal"]):
        pytest.skip("Tidal is not installed")
    defined = re.findall(r"^(\w+) = p[SIF] ", (PATCHES / "BootLivevae.hs").read_text(), re.MULTILINE)
    questions = [
        ":set -XOverloadedStrings",
        "import Sound.Tidal.Context",
        *(f":type {name}" for name in defined),
        "",
    ]
    there = [
        line
        for line in _output([path, "-v0", "-ignore-dot-ghci"], text="\n".join(questions)).splitlines()
        if " :: " in line
    ]
    assert there, "Tidal has no parameter called voice?"
    assert [line for line in there if not re.fullmatch(r"\w+ :: Pattern \w+ -> ControlPattern", line)] == []


def test_strudel_plays_its_snippet_through_its_own_bridge(heard):
    """Strudel is AGPL: a peer that the tester installs, never part of livevae."""
    node = host("node")
    home = os.environ.get("LIVEVAE_STRUDEL")
    if not home:
        pytest.skip(
            "LIVEVAE_STRUDEL names no folder with Strudel: in an empty one, npm install"
            " @strudel/core @strudel/mini @strudel/transpiler @strudel/osc ws"
        )
    bridge = subprocess.Popen(
        [node, f"{home}/node_modules/@strudel/osc/server.js"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        _until_open("localhost", 8080)
        _output([node, str(PEER), home, str(PATCHES / "livevae.strudel.js"), str(heard.port)])
    finally:
        bridge.terminate()
        bridge.communicate()
    assert plain(heard.requests) == [
        Sample("lead", {"bars": 2, "temp": 0.3, "transpose": 12}),
        Sample("lead", {"bars": 2, "temp": 0.3, "transpose": 12}),
    ]
    first, second = heard.requests
    assert second.at - first.at == pytest.approx(1.0, abs=0.01)
    assert heard.errors == []


def test_pure_data_sends_messages_and_prints_the_answers(heard):
    clicks = examples("livevae.pd", r"#X msg \d+ \d+ \\; livevae ")
    lines = [click.split("livevae ", 1)[1].rstrip(";") for click in clicks]
    sends = [
        part
        for line in (f"livevae-to 127.0.0.1 {heard.port}", *(f"livevae {line}" for line in lines))
        for part in ("-send", line)
    ]
    pd = subprocess.Popen(
        [
            host("pd"),
            "-nogui",
            "-noaudio",
            "-nomidi",
            "-stderr",
            "-open",
            str(PATCHES / "livevae.pd"),
            *sends,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    printed = []
    try:
        while len(printed) < len(lines):
            line = pd.stderr.readline()
            assert line, f"Pd stopped after {printed}"
            printed += [line] if line.startswith("livevae: ") else []
    finally:
        pd.kill()
        pd.communicate()
    assert plain(heard.requests) == [
        Ping(),
        Set("lead", {"bars": 2, "temp": 0.8}, new=True),
        Play("lead"),
        Set("lead", {"temp": 1.3, "transpose": 12}),
        Sample("lead", {"bars": 1, "seed": 7}),
        Tempo(140.0, over=16.0),
        Status(),
        Stop("lead"),
        LoadScene("first-light"),
        Panic(),
    ]
    assert printed[0] == "livevae: livevae reply address /livevae/ping beat 1 voice lead\n"


def _output(command, *, text="", env=None):
    """What `command` says on both its outputs; it must end well."""
    done = subprocess.run(
        command,
        input=text,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def _until_open(name, port):
    for _ in range(100):
        try:
            socket.create_connection((name, port), timeout=1.0).close()
        except OSError:
            time.sleep(0.05)  # a child process comes up; nothing says when
        else:
            return
    pytest.fail(f"nothing listens on {name}:{port}")


def test_sonic_pi_plays_its_buffer_in_time_and_logs_the_answers(heard, tmp_path):
    """Its server without its window, on an audio server of its own; it takes fixed ports, so only on request."""
    server = os.environ.get("LIVEVAE_SONIC_PI")
    if not server:
        pytest.skip("LIVEVAE_SONIC_PI names no sonic-pi-server.rb (Debian: sonic-pi-server)")
    env = {
        **os.environ,
        "HOME": str(tmp_path),
        "JACK_DEFAULT_SERVER": tmp_path.name,
        "JACK_NO_AUDIO_RESERVATION": "1",
    }
    buffer = (
        (PATCHES / "livevae.rb").read_text().replace("7770", str(heard.port)).replace("sleep 8", "sleep 2")
    )
    quiet = {
        "env": env,
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    window = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    window.bind(("127.0.0.1", 4558))  # where it logs what a performer sees
    window.settimeout(0.5)
    jackd = subprocess.Popen([host("jackd"), "-n", tmp_path.name, "-d", "dummy", "-p", "1024"], **quiet)
    sonic_pi = subprocess.Popen([host("ruby"), server], start_new_session=True, **quiet)

    def say(address, *args):
        window.sendto(encode(Message(address, ("test", *args))), ("127.0.0.1", 4557))

    def until(logged, again=None):
        for _ in range(int(LONG * 2)):
            with contextlib.suppress(TimeoutError):
                if again:
                    say(again, "hello")
                while logged not in str(decode(window.recv(65_536))[0].message):
                    pass
                return
        pytest.fail(f"Sonic Pi does not log {logged}")

    try:
        until("/ack", again="/ping")
        say("/cue-port-start")
        say("/run-code", buffer)
        for beat in (2, 3, 4):  # the answers to the riffs, as the buffer logs them
            until(f'"address"=>"/livevae/sample", "beat"=>{beat}.0')
    finally:
        say("/exit")
        sonic_pi.wait(LONG)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(sonic_pi.pid, signal.SIGTERM)  # what it started and did not take along
        jackd.terminate()
        jackd.wait()
        window.close()
    calm, wild = ({"bars": 2, "temp": temp, "transpose": 0} for temp in (0.3, 1.2))
    assert plain(heard.requests)[:4] == [Tempo(120.0), *(Sample("lead", one) for one in (calm, wild, calm))]
    assert heard.errors == []
