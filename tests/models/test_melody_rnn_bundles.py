"""Magenta's bundles: written here as Magenta writes them, read back, damaged; and the numbers that it computed."""

import json
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import livevae.models
from livevae.checksums import crc32c, masked
from livevae.errors import ModelError, MusicError
from livevae.models.foreign import generator_bundle, magenta_rnn
from livevae.models.foreign.import_model import import_model
from livevae.models.foreign.tf_bundle import MAGIC
from livevae.models.melody_rnn import chord_inputs, encodings, events
from livevae.models.melody_rnn.config import CONFIGS

SHARED = Path(__file__).resolve().parents[3] / "shared" / "reference" / "melody_rnn"
FOLDERS = sorted(path.parent for path in SHARED.glob("*/config.json")) if SHARED.is_dir() else []


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(rows):
    body = b"".join(varint(0) + varint(len(k)) + varint(len(v)) + k + v for k, v in rows)
    body += struct.pack("<II", 0, 1)
    return body, b"\0" + struct.pack("<I", masked(crc32c(np.frombuffer(body + b"\0", np.uint8))))


def table(rows):
    """A LevelDB table of two data blocks."""
    data, index = b"", []
    for part in (rows[:2], rows[2:]):
        body, trailer = block(part)
        index.append((part[-1][0], varint(len(data)) + varint(len(body))))
        data += body + trailer
    empty, trailer = block([])
    meta = varint(len(data)) + varint(len(empty))
    data += empty + trailer
    body, trailer = block(index)
    handle = varint(len(data)) + varint(len(body))
    footer = (meta + handle).ljust(40, b"\0") + struct.pack("<Q", MAGIC)
    return data + body + trailer + footer


def bundle(variables, name="basic_rnn", graph=b""):
    meta = b"".join(
        field(
            1, field(1, n.encode()) + field(2, b"".join(field(2, field(1, s)) for s in v.shape)) + field(3, 1)
        )
        for n, v in variables.items()
    )
    rows = [(b"", field(1, meta))]
    for n, v in sorted(variables.items()):
        tensor = field(5, v.astype("<f4").tobytes())
        rows.append((b"\0" + n.encode(), field(2, field(1, n.encode()) + field(2, b"") + field(3, tensor))))
    return field(1, field(1, name.encode())) + field(2, table(rows)) + field(3, graph)


def variables(units=6, inputs=38, classes=38):
    numbers = np.random.default_rng(3)
    cell = "rnn/multi_rnn_cell/cell_{}/basic_lstm_cell/{}"
    return {
        cell.format(0, "kernel"): numbers.normal(size=(inputs + units, 4 * units)).astype(np.float32),
        cell.format(0, "bias"): numbers.normal(size=4 * units).astype(np.float32),
        cell.format(1, "kernel"): numbers.normal(size=(2 * units, 4 * units)).astype(np.float32),
        cell.format(1, "bias"): numbers.normal(size=4 * units).astype(np.float32),
        "fully_connected/weights": numbers.normal(size=(units, classes)).astype(np.float32),
        "fully_connected/biases": numbers.normal(size=classes).astype(np.float32),
    }


def test_a_bundle_is_imported_and_plays(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    file = tmp_path / "theirs.mag"
    file.write_bytes(bundle(variables()))
    direct = livevae.models.load(file)
    kept = import_model(file, "theirs")
    assert kept.name == "theirs.safetensors"
    mine = livevae.models.load("theirs")
    assert (mine.config.name, mine.config.layers) == ("basic_rnn", (6, 6))
    assert (mine.logits([60, -2, 62]) == direct.logits([60, -2, 62])).all()
    assert mine.about["origin"] == "generator bundle theirs.mag"


def attending(units=6, inputs=518, classes=512):
    """A stack of three layers inside of an attention, by the names that magenta.js reads."""
    numbers = np.random.default_rng(4)
    attention, cell = "rnn/attention_cell_wrapper/", "multi_rnn_cell/cell_{}/basic_lstm_cell/"
    shapes = {"kernel": (inputs + units, inputs), "bias": (inputs,)}
    shapes |= {"attention/attn_w": (1, 1, units, units), "attention/attn_v": (units,)}
    shapes |= {"attention/kernel": (6 * units, units), "attention/bias": (units,)}
    shapes |= {"attention_output_projection/kernel": (2 * units, units)}
    shapes |= {"attention_output_projection/bias": (units,)}
    for i, width in enumerate((inputs, units, units)):
        shapes |= {
            f"{cell.format(i)}kernel": (width + units, 4 * units),
            f"{cell.format(i)}bias": (4 * units,),
        }
    shapes = {attention + name: shape for name, shape in shapes.items()}
    shapes |= {"fully_connected/weights": (units, classes), "fully_connected/biases": (classes,)}
    return {name: numbers.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write_js(folder, variables, **settings):
    """A checkpoint as magenta.js has it, in two shards."""
    folder.mkdir()
    weights = [{"name": name, "shape": list(v.shape), "dtype": "float32"} for name, v in variables.items()]
    data = b"".join(value.tobytes() for value in variables.values())
    shards = ["group1-shard1of2", "group1-shard2of2"]
    for shard, part in zip(shards, (data[:1000], data[1000:]), strict=True):
        (folder / shard).write_bytes(part)
    (folder / "weights_manifest.json").write_text(json.dumps([{"paths": shards, "weights": weights}]))
    (folder / "config.json").write_text(json.dumps({"type": "MusicRNN", **settings}))
    return folder


def test_a_music_rnn_of_magenta_js_is_what_a_bundle_of_its_weights_is(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    file = tmp_path / "theirs.mag"
    file.write_bytes(bundle(variables()))
    pitches = {"type": "MelodyConverter", "args": {"minPitch": 48, "maxPitch": 83}}
    folder = write_js(tmp_path / "basic_rnn", variables(), dataConverter=pitches)
    import_model(folder, "mine")
    mine, direct = livevae.models.load("mine"), livevae.models.load(folder / "weights_manifest.json")
    asked = livevae.models.load(file).logits([60, -2, 62])
    assert (mine.logits([60, -2, 62]) == asked).all()
    assert (direct.logits([60, -2, 62]) == asked).all()
    assert mine.about["origin"] == "magenta.js checkpoint basic_rnn"


def test_the_attention_of_magenta_js_is_around_the_stack_and_as_long_as_its_settings_say(tmp_path):
    theirs = attending()
    config, tensors, _ = magenta_rnn.read(write_js(tmp_path / "drum_kit_rnn", theirs, attentionLength=24))
    assert (config.name, config.layers, config.attention) == ("drum_kit", (6, 6, 6), "stack")
    assert config.attention_length == 24
    rows = theirs["rnn/attention_cell_wrapper/attention/attn_w"]
    np.testing.assert_array_equal(tensors["attention.rows"], rows[0, 0])
    projection = theirs["rnn/attention_cell_wrapper/attention_output_projection/kernel"]
    np.testing.assert_array_equal(tensors["attention.output.kernel"], projection)
    model = livevae.models.load(tmp_path / "drum_kit_rnn")
    assert model.continued(np.eye(128)[[36, 42, 38]], 4, temperature=0).shape == (4, 128)


@pytest.mark.parametrize(
    ("theirs", "settings", "said"),
    [
        ({}, {"type": "MusicVAE"}, "of a MusicVAE, not of a MusicRNN"),
        ({}, {"dataConverter": {"args": {"minPitch": 36, "maxPitch": 71}}}, "minPitch 36, basic_rnn's 48"),
        ({"inputs": 388, "classes": 388}, {}, "388 inputs and 388 outputs; known are"),
    ],
)
def test_what_magenta_js_has_and_livevae_has_not_is_refused(tmp_path, theirs, settings, said):
    with pytest.raises(ModelError, match=said):
        magenta_rnn.read(write_js(tmp_path / "theirs", variables(**theirs), **settings))


def test_a_bundle_of_another_shape_says_what_it_has_and_what_is_known(tmp_path):
    file = tmp_path / "odd.mag"
    file.write_bytes(bundle(variables(inputs=50)))
    with pytest.raises(ModelError, match=r"50 inputs and 38 outputs; known are basic_rnn \(38 to 38\)"):
        magenta_rnn.read(file)
    file.write_bytes(
        bundle({name: v for name, v in variables().items() if "cell_1" not in name or "bias" in name})
    )
    with pytest.raises(ModelError, match=r"layers\.1\.kernel is missing"):
        magenta_rnn.read(file)
    file.write_bytes(
        bundle({"fully_connected/biases": np.zeros(38), "global_step": np.zeros(1), "x": np.zeros(1)})
    )
    with pytest.raises(ModelError, match="is this a melody, improv or drums RNN"):
        magenta_rnn.read(file)


class Trap:
    """Unpickling it would be noticed."""

    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


def test_what_is_no_bundle_is_an_error(tmp_path):
    file = tmp_path / "bad.mag"
    whole = bundle(variables())
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    for data in (b"", b"hello", whole[:-20], whole[:2000], bytes(damaged), pickle.dumps(Trap()), bytes(500)):
        file.write_bytes(data)
        with pytest.raises(ModelError, match=r"bad\.mag"):
            magenta_rnn.read(file)


@given(st.integers(0, 10**6), st.integers(0, 255), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_a_bundle_with_a_changed_byte_is_read_or_refused(at, value, end):
    whole = bytearray(bundle(variables(units=2)))
    whole[at % len(whole)] = value
    file = Path(pytest.importorskip("tempfile").mkdtemp()) / "x.mag"
    file.write_bytes(bytes(whole[: len(whole) - end % 3]))
    try:
        magenta_rnn.read(file)
    except ModelError as error:
        assert str(error)
    file.unlink()
    file.parent.rmdir()


def test_the_graph_says_how_far_attention_looks_back():
    shape = np.array([-1, 17, 24], "<i4").tobytes()
    node = field(1, b"rnn/while/attention_cell_wrapper/Reshape/shape") + field(2, b"Const")
    node += field(5, field(1, b"value") + field(2, field(8, field(4, shape))))
    assert generator_bundle.attention_length(field(2, field(1, node))) == 17
    assert generator_bundle.attention_length(b"") == 0
    assert generator_bundle.attention_length(b"\xff\xff") == 0


@pytest.mark.shared
@pytest.mark.parametrize("folder", FOLDERS or [None], ids=lambda folder: getattr(folder, "name", "none"))
def test_everything_agrees_with_magenta(folder):
    """Inputs, labels, logits, softmax, likelihood and greedy continuation, of every file of the same weights."""
    if folder is None:
        pytest.skip("the reference folder ../shared is not here")
    about = json.loads((folder / "config.json").read_text())
    with np.load(folder / "ref.npz") as held:
        z = {name: held[name] for name in held}
    sources = [*folder.glob("*.mag"), *(path.parent for path in folder.glob("*.index"))]
    kind = "drums" if about["family"] == "drums" else "events"

    def chords(name, row=None):
        if name not in z:
            return None
        return [str(symbol) for symbol in (z[name] if row is None else z[name][row])]

    for source in sources:
        model = livevae.models.load(source)
        assert (model.config.name, model.config.attention_length) == (about["config"], about["attn_length"])
        for i in range(4):
            long = z[f"enc_{kind}"][i]
            assert (model.inputs(long, chords("enc_chords", i)) == z["enc_inputs"][i]).all()
            assert (model.labels(long) == z["enc_labels"][i]).all()
            played, over = z[f"run_{kind}"][i], chords("run_chords", i)
            logits = model.logits(played, over)
            np.testing.assert_allclose(logits, z["logits_1"] if i == 0 else z["logits_3"][i - 1], atol=1e-5)
            assert model.log_likelihood(played, over) == pytest.approx(z["loglik"][i], abs=1e-4)
            if i == 0:
                chances = np.exp(logits - logits.max(1, keepdims=True))
                np.testing.assert_allclose(chances / chances.sum(1, keepdims=True), z["softmax_1"], atol=2e-6)
        for name in ("greedy_short", "greedy_long"):
            made = model.continued(z[f"{name}_primer"], 32, 0.0, chords=chords(f"{name}_chords"))
            assert (made == z[f"{name}_events"]).all()
        if "generate_primer" in z:
            made = model.continued(z["generate_primer"], 32, 0.0, chords=chords("generate_chords"))
            assert (made == z["generate_melody"][12:]).all()


@pytest.mark.shared
def test_squashing_and_chords_agree_with_magenta():
    if not FOLDERS:
        pytest.skip("the reference folder ../shared is not here")
    z = np.load(SHARED / "squash" / "ref.npz")
    for before, after, (low, high, key), amount in zip(
        z["before"], z["after"], z["min_max_key"], z["amount"], strict=True
    ):
        found = events.squashed(before.tolist(), int(low), int(high), None if key < 0 else int(key))
        assert found == (after.tolist(), amount)
    z = np.load(SHARED / "chords" / "ref.npz")
    for symbol, parsed, triad, pitches in zip(
        z["symbols"], z["parsed"], z["triad"], z["pitches"], strict=True
    ):
        if parsed:
            assert (chord_inputs.pitches_row(str(symbol)) == pitches).all()
        else:
            with pytest.raises(MusicError):
                chord_inputs.pitches_row(str(symbol))
        if triad >= 0:
            assert chord_inputs.triad(str(symbol)) == triad
        else:
            with pytest.raises(MusicError):
                chord_inputs.triad(str(symbol))


def test_note_seq_has_the_same_inputs_and_labels():
    """A second opinion on random melodies, where note-seq is installed; on LIVEVAE_MELODIES of them, else on 20."""
    theirs = pytest.importorskip("note_seq.melody_encoder_decoder", reason="note-seq is not installed")
    encoder_decoder = pytest.importorskip("note_seq.encoder_decoder")
    melodies = pytest.importorskip("note_seq.melodies_lib")
    one_hot = theirs.MelodyOneHotEncoding(48, 84)
    oracle = {
        "basic_rnn": encoder_decoder.OneHotEventSequenceEncoderDecoder(one_hot),
        "lookback_rnn": encoder_decoder.LookbackEventSequenceEncoderDecoder(one_hot, binary_counter_bits=5),
        "attention_rnn": theirs.KeyMelodyEncoderDecoder(48, 84),
    }
    numbers = np.random.default_rng(5)
    for _ in range(int(os.environ.get("LIVEVAE_MELODIES", "20"))):
        melody = np.where(
            numbers.random(60) < 0.5, numbers.integers(48, 84, 60), numbers.integers(-2, 0, 60)
        ).tolist()
        melody = [60, *melody, *melody[:20]]
        for name, other in oracle.items():
            read = melodies.Melody(melody)
            rows = [other.events_to_input(read, p) for p in range(len(melody))]
            assert (encodings.inputs(CONFIGS[name], melody) == np.array(rows)).all()
            labels = [other.events_to_label(read, p) for p in range(1, len(melody))]
            assert encodings.labels(CONFIGS[name], melody).tolist() == labels
