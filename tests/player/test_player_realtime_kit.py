"""RealtimeKit, the daemon itself, on a bus of the test's own: priority for a process that may take none."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from livevae.player import realtime_kit

pytestmark = pytest.mark.real

RTKIT = next(
    (p for p in ("/usr/libexec/rtkit-daemon", "/usr/lib/rtkit/rtkit-daemon") if Path(p).exists()), ""
)
POLKIT = next((p for p in ("/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd") if Path(p).exists()), "")
WITHOUT = ("-sys_nice,-ipc_lock,-sys_resource",) * 2
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
"""
ASK = """
import os, time
from livevae.player.realtime import become_realtime
print(become_realtime())
print(os.sched_getscheduler(0) & 3, os.sched_getparam(0).sched_priority)
until = time.monotonic() + 0.6
while time.monotonic() < until: pass  # three times what the kernel lets pass without a pause
print("alive", flush=True)
os._exit(0)  # as the player ends: no handler is left where the interpreter takes itself apart
"""


@pytest.fixture
def bus(monkeypatch):
    if os.geteuid() != 0 or not (
        RTKIT and POLKIT and shutil.which("dbus-daemon") and shutil.which("setpriv")
    ):
        pytest.skip("needs root, and Debian's rtkit, polkitd, dbus and util-linux")
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)  # the daemons have users of their own
    (folder / "bus.conf").write_text(BUS.format(path=folder / "bus"))
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={folder / 'bus'}")
    started = []
    for command in (["dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork"], [POLKIT], [RTKIT]):
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(0.3)
    yield started[-1]
    for process in reversed(started):
        process.terminate()
        process.wait(10)
    shutil.rmtree(folder)


def ask(code=ASK):
    command = [
        "setpriv",
        f"--bounding-set={WITHOUT[0]}",
        f"--inh-caps={WITHOUT[1]}",
        sys.executable,
        "-c",
        code,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def until_it_answers():
    end = time.monotonic() + 20
    while "not provided" in (done := ask()).stdout or "no such" in done.stdout.lower():
        assert time.monotonic() < end, done.stdout
        time.sleep(0.3)
    return done


def test_realtime_kit_gives_priority_and_a_process_that_computes_without_a_pause_lives_on(bus):
    time.sleep(0.5)
    if bus.poll() is not None:
        pytest.skip("the daemon does not run beside another of its user")
    done = until_it_answers()
    if "Operation not permitted" in done.stdout.replace("no real-time priority (Operation not permitted", ""):
        pytest.skip("the daemon runs here, and may not give priority either")
    assert done.stdout.splitlines() == ["(True, 'from RealtimeKit')", "2 20", "alive"], done.stderr
    assert done.returncode == 0


def test_without_a_bus_the_reason_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'nothing'}")
    before = signal.getsignal(signal.SIGXCPU)
    why = realtime_kit.ask(70)
    assert why.startswith("RealtimeKit: ")
    assert "\n" not in why
    assert signal.getsignal(signal.SIGXCPU) is before
