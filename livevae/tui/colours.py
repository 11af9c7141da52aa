"""Colours: Okabe and Ito's eight, which the colour-blind tell apart, for dark and for light terminals.

A voice has a number besides its colour, and every sign a letter: nothing is said by colour alone. On light
ground the same hues are darkened, so that text in them is read.

Source: Okabe and Ito, Color Universal Design (2008).
"""

from functools import lru_cache

from rich.style import Style
from textual.theme import Theme

DARK_VOICES = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#3D9BE0", "#A8A8A8")
LIGHT_VOICES = ("#A86F00", "#1F78B4", "#007A59", "#857A00", "#A34D80", "#B84C00", "#0058A0", "#606060")

GROUNDS = {
    "dark": {
        "ground": "#111417",
        "panel": "#1C2126",
        "text": "#D8DEE4",
        "dim": "#7C8791",
        "faint": "#3E464E",
        "ok": "#35B58C",
        "warn": "#F0B23C",
        "bad": "#FF7A4D",
        "accent": "#56B4E9",
        "on": "#111417",
    },
    "light": {
        "ground": "#FBFBF8",
        "panel": "#ECEDE8",
        "text": "#1E2226",
        "dim": "#666D73",
        "faint": "#C4C8C6",
        "ok": "#00694D",
        "warn": "#8A5A00",
        "bad": "#B33A00",
        "accent": "#00609C",
        "on": "#FFFFFF",
    },
}
VOICES = {"dark": DARK_VOICES, "light": LIGHT_VOICES}


def theme(ground: str) -> Theme:
    """The Textual theme for a dark or a light terminal."""
    colour = GROUNDS[ground]
    return Theme(
        name=f"livevae-{ground}",
        primary=colour["accent"],
        secondary=colour["dim"],
        accent=colour["warn"],
        warning=colour["warn"],
        error=colour["bad"],
        success=colour["ok"],
        foreground=colour["text"],
        background=colour["ground"],
        surface=colour["panel"],
        panel=colour["panel"],
        dark=ground == "dark",
    )


@lru_cache(maxsize=1024)
def style(names: str, ground: str) -> Style:
    """What names of styles look like: the later ones lie over the earlier.

    Names are `bold`, `reverse`, `underline`, those of `GROUNDS`, `voice0`.. for a voice's colour as text, `fill0`..
    as the ground under text, `soft0`.. for its riff that comes, and `panel` for the ground of bars.
    """
    colour, voices = GROUNDS[ground], VOICES[ground]
    done = Style(color=colour["text"], bgcolor=colour["ground"])
    for name in names.split():
        if name in ("bold", "reverse", "underline", "italic"):
            done += Style.parse(name)
        elif name == "panel":
            done += Style(bgcolor=colour["panel"])
        elif name in colour:
            done += Style(color=colour[name])
        elif name == "alarm":
            done += Style(color=colour["on"], bgcolor=colour["bad"], bold=True)
        elif name == "chosen":
            done += Style(color=colour["on"], bgcolor=colour["accent"])
        elif name.startswith("voice"):
            done += Style(color=voices[int(name[5:]) % len(voices)])
        elif name.startswith("soft"):
            done += Style(color=_mixed(voices[int(name[4:]) % len(voices)], colour["ground"], 0.5))
        elif name.startswith("fill"):
            done += Style(color=colour["on"], bgcolor=voices[int(name[4:]) % len(voices)], bold=True)
    return done


def _mixed(colour: str, other: str, share: float) -> str:
    parts = [(int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a * (1 - share) + b * share):02X}" for a, b in parts)
