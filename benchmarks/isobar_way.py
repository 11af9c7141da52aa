"""Notes sent by isobar's own timeline, for comparison: https://github.com/ideoforms/isobar (MIT licence).

livevae needs no isobar; the measurement takes it along where it is installed (pip install isobar).
"""

import importlib
import time
from collections.abc import Callable, Sequence


def play(
    notes: Sequence[tuple[int, int]], interval: float, channel: int, send: Callable[[bytes], None]
) -> tuple[list[float], list[float]]:
    """Send notes (pitch, velocity) `interval` seconds apart; when each was due, and when it was sent.

    isobar does not say when it begins, so its beats are counted from whichever note makes it look best: none is early.
    """
    isobar = importlib.import_module("isobar")
    device = importlib.import_module("isobar.io.output").OutputDevice
    sent: list[float] = []

    class Device(device):  # type: ignore[misc, valid-type]  # isobar has no types
        """An output that notes the time, and sends as all ways do."""

        def note_on(self, note: int = 60, velocity: int = 64, *_: int) -> None:
            sent.append(time.monotonic())
            send(bytes((0x8F + channel, note, velocity)))

        def note_off(self, note: int = 60, *_: int) -> None:
            send(bytes((0x7F + channel, note, 0)))

    timeline = isobar.Timeline(120, output_device=Device())
    timeline.stop_when_done = True
    timeline.schedule(
        {
            "note": isobar.PSequence([pitch for pitch, _ in notes], 1),
            "amplitude": isobar.PSequence([velocity for _, velocity in notes], 1),
            "duration": interval * 2,
            "gate": 0.5,
        }
    )
    timeline.run()
    start = min(when - index * interval for index, when in enumerate(sent))
    return [start + index * interval for index in range(len(sent))], sent
