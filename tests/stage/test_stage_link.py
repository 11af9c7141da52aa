"""The whole server in a Link session with another peer, in a network of their own."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

HERE = Path(__file__).parent
ALONE = "ip link set lo up && ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo"


def test_a_server_joins_a_session_leads_its_tempo_and_starts_and_stops_with_it(tmp_path: Path) -> None:
    if find_spec("link") is None:
        pytest.skip("LinkPython-extern is not installed (livevae[link])")
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("unshare or ip is not here, and Link must not multicast outside a namespace")
    if subprocess.run(["unshare", "-n", "sh", "-c", ALONE], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace may be made here (it takes root)")
    done = subprocess.run(
        [
            *("unshare", "-n", "sh", "-c", f'{ALONE} && exec "$0" "$@"'),
            *(sys.executable, str(HERE / "link_stage.py"), str(tmp_path)),
        ],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr + (tmp_path / "serve.log").read_text()
    seen = json.loads(done.stdout)
    assert seen["joined"] == ["link", 1]
    assert seen["we_play"] == "playing"
    assert (seen["internal"], seen["bpm"]) == ("internal", 110.0)
    assert seen["said"] == [
        "clock   link, 0 others",
        "clock   link, 1 other",
        "clock   the others play",
        "clock   the others stopped",
        "clock   internal",
    ]
