"""The commands around models, as a performer types them."""

import io

import mido
import pytest
import torch

from livevae import cli
from livevae.cli import riff_pictures
from livevae.models.checkpoints import shelf
from livevae.models.musicvae import assemble as assembling, midi_riffs
from livevae.models.musicvae.config import CONFIGS
from livevae.models.musicvae.networks import MusicVAE
from livevae.music import midi_file
from livevae.music.notes import TICKS_PER_BAR, Note, Riff

SMALL = CONFIGS["cat-mel_2bar_small"].replace(encoder=(8,), decoder=(16, 16), latent=6)
GROOVE = CONFIGS["groovae_2bar_humanize"].replace(encoder=(8,), decoder=(8, 8), latent=4)
TRIO = CONFIGS["hier-trio_4bar"].replace(encoder=(8,), decoder=(8, 8), latent=4)


def keep(config, name):
    torch.manual_seed(0)
    model = MusicVAE(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.4)
    assembling.save(shelf.place(name), model, {"origin": "a test"})


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(shelf, "BUNDLED", tmp_path / "none")
    monkeypatch.chdir(tmp_path)
    keep(SMALL, shelf.DEFAULT)
    keep(GROOVE, "groovae_2bar_humanize")
    return tmp_path


def run(*words):
    return cli.main([str(word) for word in words])


def riff_file(path, pitches=range(60, 68), channel=1):
    notes = [Note(i * 960, 900, pitch) for i, pitch in enumerate(pitches)]
    path.write_bytes(midi_file.riff_bytes(Riff(tuple(notes), 2 * TICKS_PER_BAR), channel=channel))
    return path


def files(folder, ending=".mid"):
    return sorted(path.name for path in folder.glob(f"*{ending}"))


def test_sample_writes_so_many_files_and_the_same_ones_for_a_seed(here):
    assert run("sample", "-n", 3, "--temp", 0.8, "--seed", 5, "--out", "a", "--bars", 4) == 0
    assert run("sample", "-n", 3, "--temp", 0.8, "--seed", 5, "--out", "b", "--bars", 4) == 0
    assert len(files(here / "a")) == 3
    assert files(here / "a") == files(here / "b")
    for name in files(here / "a"):
        assert (here / "a" / name).read_bytes() == (here / "b" / name).read_bytes()
        assert mido.MidiFile(here / "a" / name).length == pytest.approx(8.0)


def test_a_model_over_chords_is_sampled_over_chords(here, capsys):
    keep(CONFIGS["cat-mel_2bar_med_chords"].replace(encoder=(8,), decoder=(8, 8), latent=4), "chords")
    assert run("sample", "chords", "-n", 2, "--chords", "C", "Am", "--seed", 1, "--out", "a") == 0
    assert run("sample", "chords", "-n", 2, "--chords", "F", "G", "--seed", 1, "--out", "b") == 0
    first, second = (
        [(here / folder / name).read_bytes() for name in files(here / folder)] for folder in "ab"
    )
    assert len(first) == 2
    assert first != second
    assert run("sample", "chords") == 1
    assert "needs controls" in capsys.readouterr().err
    assert run("sample", "--chords", "C") == 1
    assert "hears no chords" in capsys.readouterr().err


def test_many_samples_are_drawn_on_one_sheet(here):
    assert (
        run("sample", "-n", riff_pictures.MANY, "--seed", 1, "--out", "many", "--picture", "sheet.png") == 0
    )
    assert len(list((here / "many").glob("*.mid"))) == riff_pictures.MANY
    assert (here / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_interpolate_goes_from_one_file_to_another(here):
    a, b = riff_file(here / "a.mid"), riff_file(here / "b.mid", range(72, 64, -1))
    assert run("interpolate", a, b, "--steps", 5, "--seed", 1, "--out", "way", "--picture", "way.png") == 0
    assert files(here / "way") == [f"a-b-{i:02}.mid" for i in range(1, 6)]
    assert (here / "way.png").stat().st_size > 1000


def test_reconstruct_answers_a_file_with_one_of_its_length(here):
    song = [Note(i * 960, 900, 60 + i % 7) for i in range(20)]
    (here / "song.mid").write_bytes(midi_file.riff_bytes(Riff(tuple(song), 5 * TICKS_PER_BAR)))
    assert run("reconstruct", "song.mid", "--out", "out") == 0
    assert files(here / "out") == ["song-reconstructed.mid"]
    assert mido.MidiFile(here / "out" / "song-reconstructed.mid").length == pytest.approx(12.0)


def test_groove_humanize_plays_drums_on_channel_10(here):
    riff_file(here / "beat.mid", [36, 42, 38, 42, 36, 42, 38, 46], channel=10)
    assert run("groove", "humanize", "beat.mid", "--out", "out") == 0
    played = mido.MidiFile(here / "out" / "beat-humanize.mid")
    channels = {message.channel for track in played.tracks for message in track if message.type == "note_on"}
    assert channels == {9}


def test_groove_on_a_melody_says_what_it_wanted(here, capsys):
    keep(TRIO, "trio")
    riff_file(here / "two.mid")
    two = mido.MidiFile(here / "two.mid")
    two.type = 1
    two.tracks.append(mido.MidiTrack([mido.Message("note_on", note=60, channel=3), mido.Message("note_off", note=60, channel=3, time=9)]))  # fmt: skip
    two.save(here / "two.mid")
    assert run("groove", "humanize", "two.mid") == 1
    assert "drums on channel 10" in capsys.readouterr().err
    assert run("groove", "humanize", "two.mid", "--model", "trio") == 1
    assert "is no GrooVAE" in capsys.readouterr().err


def test_a_missing_model_and_a_missing_file_are_sentences(here, capsys):
    assert run("sample", "nobody") == 1
    assert "there is no model 'nobody'" in capsys.readouterr().err
    assert run("reconstruct", "nothing.mid") == 1
    assert "nothing.mid" in capsys.readouterr().err
    assert run("model", "import", "nothing.tar") == 1
    assert "there is nothing at nothing.tar" in capsys.readouterr().err


def test_models_are_imported_listed_shown_and_removed(here, capsys):
    torch.manual_seed(0)
    assembling.save(here / "friend.safetensors", MusicVAE(SMALL), {"origin": "a friend"})
    assert run("model", "import", "friend.safetensors", "--name", "friend") == 0
    assert run("model", "list") == 0
    listed = capsys.readouterr().out
    assert "a friend" in listed
    assert "can be pulled" in listed
    assert run("model", "info", "friend") == 0
    assert "latent             6" in capsys.readouterr().out
    assert run("model", "remove", "friend") == 0
    assert run("model", "remove", "friend") == 1
    (here / "home" / "models" / "bad.safetensors").write_text("no")
    assert run("model", "list") == 0
    assert "broken" in capsys.readouterr().out


def test_a_trio_keeps_its_parts_through_a_file(here):
    notes = (Note(0, 960, 72, 96, 0), Note(0, 1920, 40, 96, 1), Note(960, 240, 38, 96, 2))
    riff = Riff(notes, 4 * TICKS_PER_BAR)
    (here / "trio.mid").write_bytes(midi_riffs.to_bytes(riff, TRIO))
    assert midi_riffs.read(here / "trio.mid", TRIO).notes == riff.notes


def test_early_hits_belong_to_the_window_whose_downbeat_they_play(here):
    riff = Riff((Note(0, 240, 36), Note(2 * TICKS_PER_BAR - 20, 240, 38)), 4 * TICKS_PER_BAR)
    first, second = midi_riffs.windows(riff, GROOVE)
    assert first.notes == (Note(0, 240, 36),)
    assert second.notes == (Note(-20, 240, 38),)


def test_written_files_are_whole_midi_files():
    data = midi_riffs.to_bytes(Riff((Note(-30, 20, 36),), TICKS_PER_BAR), GROOVE)
    times = [m.time for m in mido.MidiFile(file=io.BytesIO(data)).tracks[0] if m.type.startswith("note")]
    assert times == [0, 1]


def test_an_exported_model_has_its_evaluation_and_licence_and_what_is_no_evaluation_is_said(here, capsys):
    (here / "evaluation.json").write_text('{"windows": 7}')
    model, out = shelf.find(), here / "out.safetensors"
    words = ("export", model, out, "--licence", "CC0", "--evaluation")
    assert run("model", *words, here / "evaluation.json") == 0
    _, about = assembling.describe(out)
    assert about == {"origin": "a test", "evaluation": {"windows": 7}, "licence": "CC0"}
    for text in (b"{", b"\xff"):
        (here / "evaluation.json").write_bytes(text)
        assert run("model", *words, here / "evaluation.json") == 1
        assert "evaluation.json is not JSON" in capsys.readouterr().err
