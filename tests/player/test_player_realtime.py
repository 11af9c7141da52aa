"""A player without real-time priority does what an ordinary process may."""

import subprocess
import sys

import pytest

ORDINARY = """
import os
from livevae.player.realtime import become_realtime
granted, why = become_realtime(False)
print(granted, os.getsid(0) == os.getpid())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sessions")
@pytest.mark.parametrize("leads", [False, True], ids=["in the server's session", "a session's leader"])
def test_without_priority_it_is_a_session_of_its_own(leads):
    done = subprocess.run(
        [sys.executable, "-c", ORDINARY], capture_output=True, text=True, check=True, start_new_session=leads
    )
    assert done.stdout.split() == ["False", "True"]
