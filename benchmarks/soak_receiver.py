"""The receiver of a soak: a process on JACK that knows what sounds, and can play a little itself.

python -m benchmarks.soak_receiver NAME; a word a line comes in, a line of JSON goes out.
python -m benchmarks.soak_receiver --clock NAME BPM is a drum box.
"""

import json
import sys
import time
from typing import Any


def main(name: str) -> None:
    """Answer `sounding` (channel, pitch and since when, of each key that is held), `counts`, `play`."""
    import rtmidi

    held: dict[tuple[int, int], float] = {}
    counts = {"ons": 0, "offs": 0}

    def hear(event: tuple[list[int], float], _: Any) -> None:
        status, *rest = event[0]
        if status & 0xF0 == 0x90 and rest[1]:
            held[status & 15, rest[0]] = time.monotonic()
            counts["ons"] += 1
        elif status & 0xF0 in (0x80, 0x90):
            held.pop((status & 15, rest[0]), None)
            counts["offs"] += 1

    port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name, queue_size_limit=1 << 14)
    port.set_callback(hear)
    port.open_virtual_port("in")
    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=f"{name}-keys")
    out.open_virtual_port("out")
    for line in sys.stdin:
        if line.strip() == "play":
            for step in range(24):
                out.send_message((0x90, 60 + step * 7 % 12, 90))
                time.sleep(0.08)
                out.send_message((0x80, 60 + step * 7 % 12, 0))
                time.sleep(0.02)
        answer: Any = (
            counts if line.strip() == "counts" else [[*key, since] for key, since in held.copy().items()]
        )
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def clock(name: str, bpm: float) -> None:
    """A drum box: a port that sends a MIDI clock."""
    import rtmidi

    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name)
    out.open_virtual_port("clock")
    due = time.monotonic()
    while True:
        out.send_message((0xF8,))
        due += 60 / bpm / 24
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    if sys.argv[1] == "--clock":
        clock(sys.argv[2], float(sys.argv[3]))
    else:
        main(sys.argv[1])
