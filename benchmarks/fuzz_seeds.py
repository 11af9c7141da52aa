"""Small inputs for `benchmarks fuzz` that are right, or nearly so."""

import json
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from types import MappingProxyType

from livevae.errors import LivevaeError


def _osc_seeds() -> Iterator[bytes]:
    from livevae.edges.osc.addresses import ADDRESSES
    from livevae.edges.osc.codec import Message, encode, encode_bundle

    for row in ADDRESSES:
        yield encode(Message(row.address, tuple(row.example)))
    yield encode_bundle([encode(Message("/livevae/ping", ((1, (2.0, "a")), b"ab", True, None)))] * 3, 1e9)


def _midi_seeds() -> Iterator[bytes]:
    from livevae.music import midi_file
    from livevae.music.notes import Note, Riff

    notes = tuple(Note(step * 240, 240, 60 + step * 7 % 12, 90) for step in range(64))
    yield midi_file.riff_bytes(Riff(notes, 64 * 240))
    yield midi_file.riff_bytes(
        Riff(tuple(Note(n.start, 60, 36 + n.pitch % 9, 80) for n in notes), 64 * 240), channel=10
    )


def _xml_seeds() -> Iterator[bytes]:
    pitch = "<pitch><step>C</step><alter>1</alter><octave>4</octave></pitch>"
    note = f"<note>{pitch}<duration>1</duration><voice>1</voice></note>"
    harmony = "<harmony><root><root-step>A</root-step></root><kind>minor</kind><offset>1</offset></harmony>"
    head = (
        "<attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4</beat-type></time>"
        "<transpose><chromatic>-2</chromatic></transpose></attributes>"
    )
    bars = f"<measure>{head}{harmony}{note * 4}<backup><duration>1</duration></backup></measure>" * 3
    yield f"<score-partwise><work><work-title>A</work-title></work><part>{bars}</part></score-partwise>".encode()


def _mxl_seeds() -> Iterator[bytes]:
    (score,) = _xml_seeds()
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            container = b'<c><rootfile full-path="a.xml"/></c>'
            for name, data in (("META-INF/container.xml", container), ("a.xml", score)):
                member = zipfile.ZipInfo(name)  # of 1980, whenever it is made
                member.compress_type = method
                archive.writestr(member, data)
        yield buffer.getvalue()


def _abc_seeds() -> Iterator[bytes]:
    bars = b'|:"D"A2^F (3def|{g}_B3-B2z|1 [K:G][ceg]2 A>B c4:|2 d3/2 e//|]'
    yield b"X:1\nT:One\nM:6/8\nL:1/8\nK:Dmix\n" + bars + b"\nX:2\nM:C|\nK:none\nabcd|"


def _tfrecord_seeds() -> Iterator[bytes]:
    from livevae.corpus import note_sequences
    from livevae.music.notes import Note, Riff

    riff = Riff(tuple(Note(step * 240, 240, 60 + step % 12, 90) for step in range(32)), 32 * 240)
    with suppress(LivevaeError):  # without note-seq there is nothing to read
        data = note_sequences.from_riff(riff).SerializeToString()
        yield struct.pack("<QI", len(data), 0) + data + bytes(4)


def _npz_seeds() -> Iterator[bytes]:
    import numpy as np

    buffer = BytesIO()
    np.savez_compressed(buffer, a=np.zeros((2, 3), np.float32))
    yield buffer.getvalue()


def _tar_seeds() -> Iterator[bytes]:
    import gzip
    import tarfile

    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in (("m.ckpt.index", _index()), ("m.ckpt.data-00000-of-00001", bytes(8))):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
    yield buffer.getvalue()
    yield gzip.compress(buffer.getvalue(), mtime=0)


def _js_seeds() -> Iterator[bytes]:
    manifest = [{"paths": ["shard"], "weights": [{"name": "w", "shape": [2], "dtype": "float32"}]}]
    quantised = [
        {
            "paths": ["shard"],
            "weights": [
                {
                    "name": "w",
                    "shape": [8],
                    "dtype": "float32",
                    "quantization": {"dtype": "uint8", "scale": 0.1, "min": -1},
                }
            ],
        }
    ]
    for one in (manifest, quantised):
        yield (
            json.dumps(one).encode()
            + b'\0{"type":"MusicVAE","dataConverter":{"type":"MelodyConverter"}}\0'
            + bytes(8)
        )


def _index() -> bytes:
    entry = _field(1, 1) + _field(2, _field(2, _field(1, 2))) + _field(4, 0) + _field(5, 8)
    return _table([(b"", _field(1, 1)), (b"w", entry), (b"wa", entry)])


def _tf_seeds() -> Iterator[bytes]:
    yield _index()


def _mag_seeds() -> Iterator[bytes]:
    name = _field(1, b"w")
    shape = _field(2, _field(2, _field(1, 2)))
    rows = [
        (b"", _field(1, _field(1, name + shape + _field(3, 1)))),
        (b"\0w", _field(2, name + _field(2, b"") + _field(3, _field(5, bytes(8))))),
    ]
    yield _field(1, _field(1, b"basic_rnn")) + _field(2, _table(rows)) + _field(3, b"")


def _persona_seeds() -> Iterator[bytes]:
    import numpy as np
    from safetensors.numpy import save

    from livevae.models.midime.files import FORMAT

    facts = {
        "format": FORMAT,
        "name": "n",
        "model": "0" * 16,
        "dim": "2",
        "latent": "1",
        "about": '{"a":[1]}',
    }
    yield save({"a": np.zeros(1, np.float16)}, facts)


def _checkpoint_seeds() -> Iterator[bytes]:
    import numpy as np
    from safetensors.numpy import save

    from livevae.models.checkpoints import files
    from livevae.models.melody_rnn import config as melody
    from livevae.models.music_transformer import config as transformer
    from livevae.models.musicvae.config import CONFIGS
    from livevae.models.note_rnn import config as note

    configs = {
        melody.FORMAT: melody.Config("basic_rnn").to_json(),
        note.FORMAT: note.Config().to_json(),
        transformer.FORMAT: transformer.Config().to_json(),
        files.FORMAT: next(iter(CONFIGS.values())).to_json(),
    }
    for kind, config in configs.items():
        yield save({"a": np.zeros(1, np.float16)}, {"format": kind, "config": config, "about": '{"a":[1]}'})


def _scene_seeds() -> Iterator[bytes]:
    from livevae.scene_files import bundled

    for path in bundled().values():
        yield path.read_bytes()
    yield (
        b'title="a"\ntempo=99.5\nmeter="7/8"\n[voice.a]\nbars=2\nkey="Am"\n'
        b'[[cue]]\nname="b"\nramp=4\ntempo=120\n[cue.voice.a]\ntemp=0.5\n[[cue]]\nmeter="3/4"\n'
    )


def _log_seeds() -> Iterator[bytes]:
    from livevae.inputs import Head, Input, line_of

    items: list[Head | Input] = [
        Head(1),
        *(Input(0.1, "osc", seed) for seed in list(_osc_seeds())[:4]),
        Input(0.2, "midi", b"\x90\x40\x40", 0.1),
        Input(0.3, "clock", b"\xf8"),
        Input(0.4, "line", b"[960, 120]", 0.3),
        Input(0.4, "transport", b"[true, 3]"),
        Input(0.5, "lost", b"livevae"),
        Input(0.5, "left", b"3"),
        Input(0.6, "end"),
    ]
    yield "".join(map(line_of, items)).encode()


def _riff_seeds() -> Iterator[bytes]:
    from livevae.latent.recipe import Recipe
    from livevae.music.notes import Note, Riff
    from livevae.perform.crib import KeptRiff, text

    yield text(
        KeptRiff("a", "lead", Riff((Note(0, 240, 60, 90),), 960), Recipe(seed=1), (("temp", 1.0),))
    ).encode()


def _mqtt_seeds() -> Iterator[bytes]:
    yield b'{"at":1,"address":"/livevae/set","args":["lead","temp",1.2],"id":"x","room":"a","v":1}'
    yield b'{"tick":1,"time":2.5,"bpm":120,"playing":true,"epoch":1,"conductor":"a","notes":[[0,1,60,90]]}'
    yield b'{"name":"nora","bytes":9,"pieces":1,"sha256":"00","model":"0123456789abcdef","licence":"CC0"}'


def _stream_seeds() -> Iterator[bytes]:
    yield bytes(
        (0x90, 60, 64, 60, 0, 0xF8, 0xF0, 1, 2, 0xF7, 0xC1, 5, 6, 0xFE, 0xF2, 1, 2, 0x80, 0xF8, 60, 0)
    )


def _name_seeds() -> Iterator[bytes]:
    yield from (b"F#m", b"7/8", b"nora", b"Bbmaj7/D", b"C dor")
    yield b'Client 128 : "livevae" [User Legacy]\n  Port   0 : "livevae" (R-e-)\n    Connecting To: 129:0, 130:1\n'


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def _field(number: int, value: int | bytes) -> bytes:
    """A field of a protocol buffer."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _table(rows: list[tuple[bytes, bytes]]) -> bytes:
    """A LevelDB table of one data block; see tf_bundle."""
    import numpy as np

    from livevae.checksums import crc32c, masked
    from livevae.models.foreign.tf_bundle import MAGIC

    def block(rows: list[tuple[bytes, bytes]]) -> bytes:
        body = b"".join(
            _varint(0) + _varint(len(key)) + _varint(len(value)) + key + value for key, value in rows
        )
        body += struct.pack("<II", 0, 1)
        return body + b"\0" + struct.pack("<I", int(masked(crc32c(np.frombuffer(body + b"\0", np.uint8)))))

    def handle(at: int, piece: bytes) -> bytes:
        return _varint(at) + _varint(len(piece) - 5)

    data, empty = block(rows), block([])
    index = block([(rows[-1][0], handle(0, data))])
    ends = [0, len(data), len(data) + len(empty)]
    footer = (handle(ends[1], empty) + handle(ends[2], index)).ljust(40, b"\0") + struct.pack("<Q", MAGIC)
    return data + empty + index + footer


SEEDS: Mapping[str, Callable[[], Iterator[bytes]]] = MappingProxyType(
    {
        "osc": _osc_seeds,
        "midi": _midi_seeds,
        "align": _midi_seeds,
        "musicxml": _xml_seeds,
        "mxl": _mxl_seeds,
        "abc": _abc_seeds,
        "tfrecord": _tfrecord_seeds,
        "npz": _npz_seeds,
        "tar": _tar_seeds,
        "js": _js_seeds,
        "tf_bundle": _tf_seeds,
        "mag": _mag_seeds,
        "persona": _persona_seeds,
        "checkpoint": _checkpoint_seeds,
        "scene": _scene_seeds,
        "log": _log_seeds,
        "riff": _riff_seeds,
        "mqtt": _mqtt_seeds,
        "midi_in": _stream_seeds,
        "names": _name_seeds,
    }
)
"""By target of `benchmarks.fuzz`."""
