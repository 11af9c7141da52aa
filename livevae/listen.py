"""Hearing it without hardware: fluidsynth with the first soundfont that is found, live or into a WAV file.

fluidsynth is a program of its own that the performer installs (LGPL); livevae starts it and never links to it.
"""

import contextlib
import io
import os
import shutil
import subprocess
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livevae import loudness
from livevae.errors import LivevaeError
from livevae.midi import list_ports, midi_systems
from livevae.music import midi_file
from livevae.whole_files import workshop

SYNTH = "livevae-synth"
"""What fluidsynth's MIDI port is called, so that it is found among others."""

PATIENCE = 10.0
"""Seconds that fluidsynth is given to open its port; large soundfonts take a few."""

FOLDERS = (
    "~/.local/share/soundfonts",
    "~/.local/share/sounds/sf2",
    "/usr/local/share/soundfonts",
    "/usr/share/sounds/sf2",
    "/usr/share/sounds/sf3",
    "/usr/share/soundfonts",
    "/opt/homebrew/share/soundfonts",
)
KINDS = (".sf2", ".sf3")

AUDIO = {"ALSA": ("pulseaudio", "alsa_seq"), "JACK": ("jack", "jack"), "CoreMIDI": ("coreaudio", "coremidi")}
"""fluidsynth's audio and MIDI drivers for each MIDI system; PipeWire answers to pulseaudio's and jack's too."""


def soundfont() -> Path:
    """The file that LIVEVAE_SOUNDFONT names, or the first one found.

    Raises:
        LivevaeError: there is none.
    """
    if named := os.environ.get("LIVEVAE_SOUNDFONT"):
        if Path(named).is_file():
            return Path(named)
        raise LivevaeError(f"LIVEVAE_SOUNDFONT names {named}, which is no file")
    for folder in FOLDERS:
        for path in sorted(Path(folder).expanduser().glob("*")):
            if path.suffix.lower() in KINDS and path.is_file():
                return path
    raise LivevaeError(
        "no soundfont was found. On Debian: apt install timgm6mb-soundfont; or set LIVEVAE_SOUNDFONT to a file"
    )


def program() -> str:
    """Where fluidsynth is.

    Raises:
        LivevaeError: it is not installed.
    """
    found = shutil.which("fluidsynth")
    if found is None:
        raise LivevaeError(
            "fluidsynth is not installed. On Debian: apt install fluidsynth timgm6mb-soundfont; on macOS: brew install"
            " fluid-synth"
        )
    return found


@contextlib.contextmanager
def synth(say: Callable[[str], None]) -> Iterator[str]:
    """A running fluidsynth, for as long as the block lasts; gives its MIDI port's name, for `--midi`.

    Args:
        say: shows the performer a line.

    Raises:
        LivevaeError: fluidsynth or a soundfont is missing, or it does not open its port.
    """
    font = soundfont()
    opening = [name for name, opens in midi_systems() if opens]
    system = next((name for name in opening if name in AUDIO), None)
    if system is None:
        raise LivevaeError(
            "--listen needs ALSA, JACK or CoreMIDI, and none opens here; `livevae doctor` says more"
        )
    audio, midi = AUDIO[system]
    command = [
        *(program(), "-a", audio, "-m", midi, "-j", "-g", "0.7"),
        *("-o", f"midi.portname={SYNTH}", "-o", f"midi.{midi.removesuffix('_seq')}.id={SYNTH}"),
        str(font),
    ]
    with tempfile.TemporaryFile() as words:
        # its shell reads the pipe, and ends with it: so fluidsynth ends even when livevae is killed
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=words, stderr=words, start_new_session=True
        )
        try:
            _wait_for_port(process)
            say(f"listen  fluidsynth plays {font.name} through {audio}")
            yield SYNTH
        except _Ended:
            words.seek(0)
            said = words.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise LivevaeError(f"fluidsynth did not open a MIDI port: {said[-1]}") from None
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2)
            process.kill()
            process.wait()


class _Ended(Exception):  # noqa: N818  (never leaves this module)
    """fluidsynth ended, or did not open its port in time."""


def _wait_for_port(process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        if any(SYNTH in name for _, name in list_ports()):
            return
        time.sleep(0.1)
    raise _Ended


def write_wav(
    midi: bytes, path: Path, *, gain: float = 0.0, stems: Mapping[str, bytes] | None = None
) -> float:
    """Play a MIDI file's bytes with fluidsynth into a WAV file (44.1 kHz, stereo, 24 bits), replacing it whole.

    It is made as loud as `loudness.TARGET`, with its peaks below `loudness.CEILING`.

    Args:
        midi: the whole.
        path: the file.
        gain: decibels more or less than the target.
        stems: MIDI files by voice; each is written beside `path`, as `NAME-VOICE.wav`, with the gain of the whole,
            so that they add up to it (but for what the synthesizer's chorus does).

    Returns:
        The loudness of the file in LUFS.

    Raises:
        LivevaeError: fluidsynth or a soundfont is missing, or the file cannot be written.
    """
    audio = played(midi)
    level = loudness.levelling(audio, RATE, gain=gain)
    done = level.of(audio)
    _write(path, done)
    for name, one in (stems or {}).items():
        _write(path.with_stem(f"{path.stem}-{name}"), level.of(played(one)))
    return loudness.integrated(done, RATE)


RATE = 44_100


def played(midi: bytes) -> NDArray[np.float64]:
    """What fluidsynth makes of a MIDI file's bytes: `[samples, 2]`, 1 is full scale.

    Raises:
        LivevaeError: fluidsynth or a soundfont is missing, or it fails.
    """
    with tempfile.TemporaryDirectory(prefix=workshop()) as folder:
        source, result = Path(folder) / "in.mid", Path(folder) / "out.wav"
        source.write_bytes(midi)
        command = [*(program(), "-n", "-i", "-q", "-F", str(result), "-T", "wav", "-r", str(RATE), "-g", "0.4"),
                   str(soundfont()), str(source)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not result.is_file():
            said = (done.stderr or done.stdout).strip()[-200:] or f"it ended with {done.returncode}"
            raise LivevaeError(f"fluidsynth could not play it: {said}")
        with wave.open(str(result)) as file:
            frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return frames.reshape(-1, 2) / 32768.0


def _write(path: Path, audio: NDArray[np.float64]) -> None:
    """Audio as a WAV file of 24 bits, whole or not at all."""
    whole = np.round(np.clip(audio, -1, 1) * 8_388_607).astype("<i4")
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(audio.shape[1])
        file.setsampwidth(3)
        file.setframerate(RATE)
        file.writeframes(whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
    try:
        midi_file.write(path, data.getvalue())
    except OSError as error:
        raise LivevaeError(f"{path} cannot be written: {error.strerror}") from None
