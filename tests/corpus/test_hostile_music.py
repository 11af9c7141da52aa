"""Music files that were made to harm: each costs one sentence. Bounds lie in the readers, not in these tests' patience."""

import io
import struct
import zipfile
from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st

from livevae.corpus import abc_tunes, music_files, musicxml
from livevae.corpus.lines import runs
from livevae.corpus.melody_windows import windows
from livevae.errors import MusicError


def score(measures):
    return f"<score-partwise><part>{measures}</part></score-partwise>"


def measure(inside, beats=4, unit=4, divisions=1):
    return (
        f"<measure><attributes><divisions>{divisions}</divisions><time><beats>{beats}</beats>"
        f"<beat-type>{unit}</beat-type></time></attributes>{inside}</measure>"
    )


def note(duration="1", alter="0", octave="4"):
    return (
        f"<note><pitch><step>C</step><alter>{alter}</alter><octave>{octave}</octave></pitch>"
        f"<duration>{duration}</duration></note>"
    )


def refused(path):
    with pytest.raises(MusicError) as error:
        music_files.read(path)
    assert path.name in str(error.value)
    assert len(str(error.value)) < 400
    return str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        score(measure(note(alter="inf"))),
        score(measure(note(alter="nan"))),
        score(measure(note(duration="9" * 5000))),
        score(measure(note(duration="9" * 300))),
        score(measure(note(octave="x"))),
        score(measure(note(), divisions=0)),
        score(measure("<forward><duration>99999999999</duration></forward>")),
        score(measure("<backup><duration>99999999999</duration></backup>")),
        "<?xml version='1.0' encoding='klingon'?>" + score(measure(note())),
        "<?xml version='1.0' encoding='utf-16'?>" + score(measure(note())),
        score("<measure/>" * (musicxml.MAX_BARS + 1)),
        "<a>" * 200_000,
        '<!DOCTYPE a [<!ENTITY b "' + "c" * 999 + '">' + "".join(
            f'<!ENTITY b{i} "{("&b" + str(i - 1) + ";") * 99}">' for i in range(1, 9)) + "]><a>&b8;</a>",
    ],
)  # fmt: skip
def test_scores_that_no_notation_program_writes_are_refused(tmp_path, text):
    path = tmp_path / "a.musicxml"
    path.write_text(text)
    refused(path)


@pytest.mark.parametrize(("beats", "unit"), [(0, 4), (0, 1), (4, 0), ("9" * 5000, 4), ("3+2", 8)])
def test_a_meter_that_is_none_in_a_score_costs_its_bars(tmp_path, beats, unit):
    path = tmp_path / "a.musicxml"
    path.write_text(score(measure(note() * 4, beats, unit) * 3))
    count = Counter()
    assert list(runs(musicxml.read(path)[0].bars, count)) == []
    assert sum(count.values()) == 3


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "/").replace("_", "."), data)
    return path


def test_archives_that_grow_are_not_unpacked(tmp_path):
    bomb = b" " * (musicxml.MAX_BYTES + 1)
    assert "larger than 16 MB" in refused(archive(tmp_path / "a.mxl", a_xml=bomb))
    container = {"META-INF__container_xml": b" " * (musicxml.MAX_CONTAINER + 1), "a_xml": b"<a/>"}
    assert "larger than 64 kB" in refused(archive(tmp_path / "b.mxl", **container))
    many = {f"n{i}_xml": b"" for i in range(musicxml.MAX_MEMBERS + 1)}
    assert "more than" in refused(archive(tmp_path / "c.mxl", **many))


def test_an_archive_that_lies_about_a_size_or_is_broken_or_encrypted_is_refused(tmp_path):
    data = bytearray(archive(tmp_path / "a.mxl", a_xml=score(measure(note())).encode()).read_bytes())
    central = data.index(b"PK\x01\x02")
    for name, offset, value in (
        ("size", central + 24, struct.pack("<I", 0x7FFFFFFF)),
        ("checksum", central + 16, b"\1\2\3\4"),
        ("encrypted", central + 8, b"\1\0"),
        ("method", central + 10, b"\x63\0"),
    ):
        broken = bytearray(data)
        broken[offset : offset + len(value)] = value
        if name == "encrypted":
            broken[6] |= 1
        path = tmp_path / f"{name}.mxl"
        path.write_bytes(broken)
        if name == "size":  # what is there is read, however much is promised
            try:
                music_files.read(path)
            except MusicError as error:
                assert name in str(error)
        else:
            refused(path)


@pytest.mark.parametrize(
    "body",
    [
        "C" + "9" * 5000,
        "C/" + "9" * 5000,
        "C" + "/" * 60_000,
        "C9999 " * 50,
        "(9:9:9" + "C" * 9,
        "[CEG]99999",
    ],
)
def test_a_tune_of_endless_numbers_is_refused_and_the_book_goes_on(tmp_path, body):
    good = "X:2\nT:B\nM:4/4\nL:1/4\nK:C\nCDEF|\n"
    path = tmp_path / "a.abc"
    path.write_text(f"X:1\nT:A\nM:4/4\nL:1/1\nK:C\n{body} " + "C64 " * 8 + f"|\n\n{good}")
    book = music_files.read(path)
    assert [line.song for line in book.lines] == ["b"]
    assert len(book.faults) == 1
    assert len(book.faults[0]) < 400


def test_headers_of_endless_numbers_cost_the_header(tmp_path):
    path = tmp_path / "a.abc"
    path.write_text(f"X:1\nT:A\nM:{'9' * 5000}/4\nL:1/{'9' * 5000}\nK:C\nCDEF|\n")
    assert music_files.read(path).lines[0].bars[0].meter is None


def test_books_tunes_and_bars_have_a_limit(tmp_path, monkeypatch):
    path = tmp_path / "a.abc"
    path.write_text("X:1\nT:A\nM:4/4\nK:C\n" + "C|" * 11)
    monkeypatch.setattr(abc_tunes, "MAX_BARS", 10)
    assert "more than 10 bars" in music_files.read(path).faults[0]
    monkeypatch.setattr(abc_tunes, "MAX_TUNE", 10)
    assert "characters" in music_files.read(path).faults[0]
    monkeypatch.setattr(abc_tunes, "MAX_BYTES", 10)
    refused(path)


def cut(path):
    """Everything that training does with a file."""
    book = music_files.read(path)
    for line in book.lines:
        for run in runs(line.bars, Counter()):
            list(windows(run, 32, Counter()))


signs = st.text(st.sampled_from("ABCGabcz|:[]()123456789/<>-^_='\",{}!% \n"), max_size=80)


@settings(max_examples=200, deadline=None)
@given(
    signs | st.text(max_size=60),
    st.sampled_from(["4/4", "0/4", "C|", "x"]),
    st.sampled_from(["1/8", "1/0", "9/1"]),
)
def test_any_tune_is_read_or_one_sentence(tmp_path_factory, body, meter, unit):
    path = tmp_path_factory.getbasetemp() / "fuzz.abc"
    path.write_bytes(f"X:1\nM:{meter}\nL:{unit}\nK:C\n{body}\n".encode("utf-8", "replace"))
    cut(path)


numbers = st.sampled_from(["0", "1", "-1", "4", "1e3", "inf", "nan", "", "99999999", "½", "0x10"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(numbers, numbers, numbers, numbers, numbers), max_size=4), st.binary(max_size=40))
def test_any_score_is_read_or_one_sentence(tmp_path_factory, rows, junk):
    path = tmp_path_factory.getbasetemp() / "fuzz.xml"
    text = score("".join(measure(note(d, a, o), beats, "4", div) for d, a, o, beats, div in rows))
    for data in (text.encode(), text.encode()[: len(text) // 2] + junk, junk):
        path.write_bytes(data)
        try:
            cut(path)
        except MusicError as error:
            assert "fuzz.xml" in str(error) or "part" in str(error)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_any_archive_is_read_or_one_sentence(tmp_path_factory, at, junk):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("META-INF/container.xml", '<c><rootfile full-path="a.xml"/></c>')
        file.writestr("a.xml", score(measure(note() * 4)))
    data = bytearray(out.getvalue())
    data[at % len(data) : at % len(data) + len(junk)] = junk
    path = tmp_path_factory.getbasetemp() / "fuzz.mxl"
    path.write_bytes(data)
    try:
        cut(path)
    except MusicError as error:
        assert len(str(error)) < 400
