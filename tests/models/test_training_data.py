"""Music files to windows: what is read, what is refused, and that no song is on both sides."""

import zipfile
from collections import Counter
from fractions import Fraction

import mido
import numpy as np
import pytest

from livevae.corpus import abc_tunes, dataset, drum_windows, midi, midi_lines, musicxml
from livevae.corpus.lines import Bar, BarNote, runs
from livevae.corpus.melody_windows import longest_silence, quantise, shape_key, windows
from livevae.corpus.names import held_out, song_name
from livevae.errors import MusicError
from livevae.music import melody

C, D, E, F, G = (melody.token_of(pitch) for pitch in (60, 62, 64, 65, 67))


def tokens(text, tmp_path, reader=abc_tunes.read, name="tune.abc"):
    """The first run of an ABC tune as tokens."""
    (tmp_path / name).write_text(text)
    lines, faults = reader(tmp_path / name)
    assert faults == []
    run = next(iter(runs(lines[0].bars, Counter())))
    return quantise(run)[0].tolist()


def abc_notes(body, tmp_path, meter="4/4", key="C"):
    (tmp_path / "tune.abc").write_text(f"X:1\nT:Test\nM:{meter}\nL:1/8\nK:{key}\n{body}\n")
    lines, faults = abc_tunes.read(tmp_path / "tune.abc")
    assert faults == []
    return [(str(n.start), str(n.length), n.pitch) for bar in lines[0].bars for n in bar.notes]


# abc


def test_a_pickup_ends_on_the_bar_line(tmp_path):
    found = tokens("X:1\nT:A\nM:4/4\nL:1/4\nK:C\nG|C D E F|\n", tmp_path)
    assert found == [0] * 12 + [G, 0, 0, 0, C, 0, 0, 0, D, 0, 0, 0, E, 0, 0, 0, F, 0, 0, 0]


def test_lengths_broken_rhythms_and_triplets_are_read(tmp_path):
    assert abc_notes("C2 D/ E3/2 F>G", tmp_path) == [
        ("0", "1", 60), ("1", "1/4", 62), ("5/4", "3/4", 64), ("2", "3/4", 65), ("11/4", "1/4", 67)]  # fmt: skip
    assert abc_notes("(3CDE F2", tmp_path)[:3] == [("0", "1/3", 60), ("1/3", "1/3", 62), ("2/3", "1/3", 64)]


def test_keys_and_accidentals_hold_for_their_bar(tmp_path):
    assert [n[2] for n in abc_notes("F c ^G G | G =F", tmp_path, key="D")] == [66, 73, 68, 68, 67, 65]
    assert abc_tunes.key_accidentals("Bm") == {"F": 1, "C": 1}
    assert abc_tunes.key_accidentals("Gm") == {"B": -1, "E": -1}
    assert abc_tunes.key_accidentals("A Mixolydian") == {"F": 1, "C": 1}
    assert abc_tunes.key_accidentals("E Dorian") == {"F": 1, "C": 1}


def test_ornaments_chord_names_and_grace_notes_say_nothing(tmp_path):
    assert [n[2] for n in abc_notes('"Am"~C {gag}.D !trill!E vF', tmp_path)] == [60, 62, 64, 65]


def test_of_a_chord_the_highest_note_is_kept(tmp_path):
    assert abc_notes("[CEG]2 D", tmp_path) == [("0", "1", 67), ("1", "1/2", 62)]


def test_a_tune_that_cannot_be_read_is_named_and_the_others_are_kept(tmp_path):
    (tmp_path / "b.abc").write_text("X:1\nT:A\nM:4/4\nL:1/4\nK:C\nCDEF|\n\nX:2\nT:B\nK:C\nC @ D|\n")
    lines, faults = abc_tunes.read(tmp_path / "b.abc")
    assert [line.song for line in lines] == ["a"]
    assert len(faults) == 1
    assert "@" in faults[0]


# musicxml

XML = """<?xml version="1.0"?><score-partwise><work><work-title>The Süng One</work-title></work>
<part-list><score-part id="P1"/><score-part id="P2"/></part-list>
<part id="P1"><measure number="1"><attributes><divisions>2</divisions>
<time><beats>4</beats><beat-type>4</beat-type></time></attributes>
{notes}</measure></part>
<part id="P2"><measure number="1"><attributes><divisions>1</divisions></attributes></measure></part>
</score-partwise>"""


def xml_note(step, octave, duration, extra="", lyric="<lyric><text>la</text></lyric>"):
    pitch = f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
    return f"<note>{extra if 'chord' in extra else ''}{pitch}<duration>{duration}</duration>{extra if 'chord' not in extra else ''}{lyric}</note>"


def test_the_sung_part_is_the_melody_and_of_chords_the_top(tmp_path):
    notes = xml_note("C", 4, 4) + xml_note("E", 4, 4, "<chord/>") + xml_note("D", 4, 2, '<tie type="stop"/>')
    (tmp_path / "a.musicxml").write_text(XML.format(notes=notes))
    (line,) = musicxml.read(tmp_path / "a.musicxml")
    assert line.song == "one sung"
    (bar,) = line.bars
    assert bar.meter == (4, 4)
    assert [(n.start, n.length, n.pitch, n.tied) for n in bar.notes] == [(0, 2, 64, False), (2, 1, 62, True)]


def test_compressed_scores_are_read_even_with_a_broken_container(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.mxl", "w") as archive:
        archive.writestr("META-INF/container.xml", "<container><rootfile full-path='a & b.xml'/></container>")
        archive.writestr("a & b.xml", XML.format(notes=xml_note("G", 4, 8)))
    (line,) = musicxml.read(tmp_path / "a.mxl")
    assert [n.pitch for n in line.bars[0].notes] == [67]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"<html/>", b"\x00" * 99])
def test_files_that_are_no_scores_are_refused_with_a_sentence(tmp_path, content):
    for name in ("a.mxl", "a.musicxml"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MusicError, match=r"a\.m"):
            musicxml.read(tmp_path / name)


# midi


def write_midi(path, tracks, numerator=4):
    file = mido.MidiFile(ticks_per_beat=96)
    for channel, program, notes in tracks:
        track = mido.MidiTrack()
        track.append(mido.MetaMessage("time_signature", numerator=numerator, denominator=4))
        track.append(mido.Message("program_change", channel=channel, program=program))
        for index, pitch in enumerate(notes):
            track.append(mido.Message("note_on", channel=channel, note=pitch, time=0 if index == 0 else 48))
            track.append(mido.Message("note_off", channel=channel, note=pitch, time=48))
        file.tracks.append(track)
    file.save(path)


def test_basses_and_drums_are_no_melody(tmp_path):
    scale = [60, 62, 64, 65, 67, 69, 71, 72]
    write_midi(tmp_path / "a.mid", [(0, 80, scale), (1, 33, scale), (9, 0, scale)])
    (line,) = midi_lines.lines_of(midi.read(tmp_path / "a.mid"))
    assert [(n.start, n.pitch) for n in line.bars[0].notes] == list(enumerate(scale))


def test_a_file_of_drums_alone_is_refused(tmp_path):
    write_midi(tmp_path / "a.mid", [(9, 0, [36] * 16)])
    with pytest.raises(MusicError, match="no track"):
        midi_lines.lines_of(midi.read(tmp_path / "a.mid"))


# runs and windows


def bar(meter, length, pitch=60, **more):
    return Bar(meter, Fraction(length), (BarNote(Fraction(0), Fraction(length), pitch),), **more)


def test_meters_that_do_not_fit_are_refused_and_break_the_run():
    refused = Counter()
    found = list(runs([bar((4, 4), 4), bar((3, 4), 3), bar((4, 4), 4)], refused))
    assert [run.steps for run in found] == [16, 16]
    assert list(refused) == ["bars in 3/4, which does not fit the 4/4 grid"]


def test_parts_of_a_bar_join_only_where_they_make_a_whole():
    joined = list(runs([bar((4, 4), 4), bar((4, 4), 3), bar((4, 4), 1), bar((4, 4), 4)], Counter()))
    assert [run.steps for run in joined] == [48]
    broken = list(runs([bar((4, 4), 4), bar((4, 4), 3), bar((4, 4), 4)], Counter()))
    assert [run.steps for run in broken] == [28, 16]


def test_tied_notes_are_one_note():
    first = bar((4, 4), 4)
    second = Bar((4, 4), Fraction(4), (BarNote(Fraction(0), Fraction(2), 60, tied=True),))
    (run,) = runs([first, second], Counter())
    assert run.notes == [(0, 24, 60)]


def test_windows_start_at_every_beat_and_a_note_from_before_is_not_heard():
    bars = [Bar((4, 4), Fraction(4), tuple(BarNote(Fraction(i), Fraction(1), 60 + i) for i in range(4)))] * 3
    (run,) = runs(bars, Counter())
    found = list(windows(run, 32, Counter()))
    assert len(found) == 5
    held = Bar((4, 4), Fraction(4), (BarNote(Fraction(0), Fraction(2), 70), *bars[0].notes[2:]))
    (run,) = runs([held, *bars], Counter())
    second = list(windows(run, 32, Counter()))[1]
    assert second[:8].tolist() == [0, 0, 0, 0, melody.token_of(62), 0, 0, 0]


def test_windows_that_are_no_melody_are_counted_by_reason():
    refused = Counter()
    (run,) = runs([bar((4, 4), 4), bar((4, 4), 4)], refused)
    assert list(windows(run, 32, refused)) == []
    assert refused == {"windows with fewer than 3 notes": 1}


def test_silence_is_what_follows_an_off_or_comes_before_the_first_note():
    assert longest_silence(np.array([0, 0, 0, C, 0, 0, 1, 0, D], np.uint8)) == 3


def test_the_shape_of_a_window_does_not_know_its_key():
    window = np.array([C, 0, 1, E] + [0] * 28, np.uint8)
    moved = np.array(melody.transpose(window.tolist(), 5), np.uint8)
    other = np.array([C, 0, 1, F] + [0] * 28, np.uint8)
    assert shape_key(window) == shape_key(moved) != shape_key(other)


# songs


def test_a_song_is_the_same_whatever_its_spelling():
    assert song_name("The Wind, that Shakes the Barley") == song_name("WIND THAT SHAKES THE BARLEY, The")
    assert song_name("Müller's Lied") == song_name("mullers lied")


def test_about_the_asked_share_of_songs_is_held_out_always_the_same():
    chosen = [held_out(f"song {i}", 0.05) for i in range(4000)]
    assert chosen == [held_out(f"song {i}", 0.05) for i in range(4000)]
    assert 0.035 < sum(chosen) / 4000 < 0.065


def tune(number, pitches):
    body = " ".join(pitches)
    return f"X:{number}\nT:Tune number {number}\nM:4/4\nL:1/4\nK:C\n{body}|{body}|{body}|\n\n"


def test_a_data_set_has_no_window_on_both_sides_in_any_key(tmp_path):
    letters = "CDEFGABc"
    book = "".join(tune(i, [letters[(i * k + j) % 8] for j, k in enumerate((1, 3, 5, 7))]) for i in range(60))
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "a.abc").write_text(book)
    (tmp_path / "books" / "LICENSE").write_text("CC0")
    built = dataset.build(str(tmp_path / "data"), [tmp_path / "books"], share=0.2)
    train = {shape_key(window) for window in built.train}
    assert not train & {shape_key(window) for window in built.test}
    assert built.info["counts"] == {"train": len(built.train), "test": len(built.test)}
    assert built.info["reports"]["books"]["files_that_are_no_music"] == 1
    assert len(np.unique(built.train, axis=0)) == len(built.train)
    again = dataset.build(str(tmp_path / "again"), [tmp_path / "books"], share=0.2)
    assert again.info["sha256"] == built.info["sha256"]


def test_a_data_set_that_is_not_there_says_how_to_make_it(tmp_path):
    with pytest.raises(MusicError, match="dataset build"):
        dataset.load(str(tmp_path / "none"))


def test_nothing_but_music_that_does_not_fit_is_an_error(tmp_path):
    (tmp_path / "jig.abc").write_text("X:1\nT:Jig\nM:6/8\nL:1/8\nK:C\nCDE FGA|CDE FGA|\n")
    with pytest.raises(MusicError, match="no music"):
        dataset.build(str(tmp_path / "data"), [tmp_path / "jig.abc"])


# drums


def write_drums(path, hits, bars=4, numerator=4):
    """`hits` as (step, pitch) on channel 10, in every bar."""
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("time_signature", numerator=numerator, denominator=4))
    now = 0
    for step, pitch in sorted((bar * 16 + step, pitch) for bar in range(bars) for step, pitch in hits):
        track.append(mido.Message("note_on", channel=9, note=pitch, time=step * 120 + 20 - now))
        now = step * 120 + 20
    file.tracks.append(track)
    file.save(path)


def test_drum_windows_begin_on_bar_lines_and_late_hits_go_to_their_step(tmp_path):
    write_drums(tmp_path / "a.mid", [(0, 36), (4, 38), (8, 36), (8, 42), (12, 40)])
    score = midi.read(tmp_path / "a.mid")
    (stretch,) = drum_windows.stretches(score, Counter())
    assert score.song == "a"
    found = list(drum_windows.windows(stretch, 32, Counter()))
    assert len(found) == 3
    for window in found:
        assert {step: int(token) for step, token in enumerate(window[:16]) if token} == {
            0: 1,
            4: 2,
            8: 5,
            12: 2,
        }


def test_drums_in_other_meters_are_refused_and_counted(tmp_path):
    write_drums(tmp_path / "a.mid", [(0, 36)], numerator=3)
    refused = Counter()
    assert drum_windows.stretches(midi.read(tmp_path / "a.mid"), refused) == []
    assert list(refused) == ["stretches in 3/4, which does not fit the 4/4 grid"]


def test_a_data_set_of_drums_holds_tokens_beyond_a_byte(tmp_path):
    (tmp_path / "kit").mkdir()
    for number in range(40):
        hits = [(0, 36), (number % 16, 51), (4, 38), (12, 49), ((number * 3) % 16, 42)]
        write_drums(tmp_path / "kit" / f"{number}.mid", hits)
    built = dataset.build(str(tmp_path / "data"), [tmp_path / "kit"], music="drums", share=0.2)
    assert built.train.dtype == np.uint16
    assert built.train.max() >= 256
    assert built.info["music"] == "drums"
