"""What a channel sounds like: program, bank and volume, told to whoever plays it. Pure but for what it remembers."""

from livevae.perform.settings import VoiceSettings

CONTROL, PROGRAM = 0xB0, 0xC0
VOLUME = 7
BANK = (0, 32)
"""Controllers: the bank's upper and lower seven bits."""


class Sounds:
    """What each channel was last told of its sound, so that it is told again only where that changes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], dict[int, bytes]] = {}

    def forget(self, port: str | None = None, channel: int | None = None) -> None:
        """Tell a port (None: all), or one channel of it, anew: whoever is there may not know."""
        for key in list(self._known):
            if port in (None, key[0]) and channel in (None, key[1]):
                del self._known[key]

    def news(self, settings: VoiceSettings, port: str) -> list[bytes]:
        """The messages that a channel has to be sent before it plays with these settings."""
        wanted = sound(settings)
        known = self._known.setdefault((port, settings.channel), {})
        new = [data for data in wanted if known.get(_kind(data)) != data]
        known.update((_kind(data), data) for data in new)
        # a bank is taken up by the program change after it
        if any(_kind(data) in BANK for data in new):
            new += [data for data in wanted if data[0] & 0xF0 == PROGRAM and data not in new]
        return new


def _kind(data: bytes) -> int:
    """Which of a channel's values a message sets: the controller, or -1 for the program."""
    return data[1] if data[0] & 0xF0 == CONTROL else -1


def sound(settings: VoiceSettings) -> list[bytes]:
    """The messages that make a channel sound as a voice's settings say: volume, bank, program, in that order."""
    control, program = CONTROL | (settings.channel - 1), PROGRAM | (settings.channel - 1)
    out = [bytes((control, VOLUME, settings.level))] if settings.level >= 0 else []
    if settings.bank >= 0:
        halves = zip(BANK, divmod(settings.bank, 128), strict=True)
        out += [bytes((control, controller, value)) for controller, value in halves]
    return [*out, bytes((program, settings.program))] if settings.program >= 0 else out
