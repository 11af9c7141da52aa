"""`livevae send` and what is answered later."""

import pytest

from livevae import cli


@pytest.mark.real
def test_send_prints_later_answers_for_as_long_as_it_is_told(heard, capsys):
    words = ["send", "/livevae/learn", "lead", "setting", "temp", "--osc", f"127.0.0.1:{heard.port}"]
    assert cli.main([*words, "--wait", "0.5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == "voice            lead"
    assert lines[-1] == "/livevae/reply address /livevae/learn id 1 cc 74"
