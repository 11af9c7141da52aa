"""The command line: names that are mistyped, names from before, answers that come later."""

import argparse
import io

import pytest

from livevae import cli
from livevae.cli.common import say


def parsed(*words):
    return cli.parser(words).parse_args(words)


def test_a_command_that_is_none_is_answered_with_the_one_that_was_meant(capsys):
    assert cli.main(["serv"]) == 2
    assert capsys.readouterr().err == "livevae: there is no command 'serv'; did you mean serve?\n"
    assert cli.main(["xylophone"]) == 2
    assert "`livevae help` lists those there are" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["help"], ["help", "serve"], ["help", "model", "export"]])
def test_help_is_a_command(words, capsys):
    with pytest.raises(SystemExit) as over:
        cli.main(words)
    assert over.value.code == 0
    assert f"usage: livevae{''.join(f' {word}' for word in words[1:])} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("sample some-model", "sample --model some-model"),
        ("interpolate a.mid b.mid --steps 5", "interpolate a.mid b.mid -n 5"),
        ("dataset build x y --steps 64", "dataset build x y --window 64"),
        ("evaluate m --data d --temperature 0.5", "evaluate m --data d --temp 0.5"),
        ("export a.safetensors b --half", "model export a.safetensors b --half"),
        ("attributes m music", "model attributes m music"),
    ],
)
def test_names_from_before_mean_what_they_are_called_now(before, now):
    assert vars(parsed(*before.split())) == vars(parsed(*now.split()))


def test_no_help_shows_the_names_from_before(capsys):
    for words in (["help"], ["help", "sample"], ["help", "interpolate"], ["help", "evaluate"]):
        with pytest.raises(SystemExit):
            cli.main(words)
    text = capsys.readouterr().out
    assert not {"--steps", "--temperature", "[model]", "export", "attributes"} & set(text.split())


def test_every_command_has_a_sentence():
    top = cli.parser()
    (group,) = (action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    assert all(choice.help for choice in group._choices_actions)
    assert {"serve", "model", "sample", "send"} <= set(cli.commands_of(top))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_line_is_shown_on_any_terminal(monkeypatch, encoding):
    shown = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(shown, encoding))
    say("playing nöte ♪, a persona called \udcff")
    assert shown.getvalue().decode(encoding).startswith("playing n")


def test_a_disk_that_is_full_takes_no_lines_and_stops_nothing(monkeypatch):
    class Full(io.RawIOBase):
        def writable(self):
            return True

        def write(self, _data):
            raise OSError(28, "No space left on device")

    full = io.TextIOWrapper(Full(), "utf-8", write_through=True)
    monkeypatch.setattr("sys.stdout", full)
    say("playing")
    full.detach()
