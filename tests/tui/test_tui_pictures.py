"""The screens as Textual draws them, at a fixed moment: compared with the pictures of the docs and with a listing."""

import os
import re
from pathlib import Path

import pytest

from benchmarks.pictures import SIZES, picture
from tests.tui.stand import screen, shown

pytestmark = pytest.mark.asyncio

DOCS = Path(__file__).resolve().parents[2] / "docs"

STAGE = """\
 ▶ 10.2   ■■□□  112.0 bpm  4/4  clock link 2  REC 2 of 16 bars  TRAIN nora 62 %
 F2 Stage   F3 Voice   F4 Personas   F5 Set   F6 Health            voice 1 lead
▌ 1  ▶ lead          1━━━━━━━━━━2━━━▼──────3──────────4──────────│next in 11
 fiddle 60 lied 40   ▀    ▀     ▄     ▄▀   ┊ █    ▄ ▄▄┊ ▄▄     ▄▀│
 ├──────◆────────┤   ▄▄  ▄ ▄▄   ┊▀    ▀ ▄▄ ▄  ▄▄   ▀▀ ┊ ▄▀▀▀  █▄ │
 temp 0.7 drift 0.35   ▄▀▀   ▄ ▄┊ ▄ ▄    ▀ ▄     █   ▄┊    ▄▄    │
 seed 184291                 ▄  ┊   ▄     ▄▄    ▀▀    ▄▀    ▄▄   │
  2  ▶ tenor       K 1━━━━━━━━━━━━━━━━━━━━━2━━━━━━━━▼────────────│next in 3
 lied 50 fiddle 30 …            ▀▀▀        ┊          ▄▄█▀▀      │▀ ▀▀▀   ▄▄ ▄▄
 ███▒▒▒▒▒▓▓▓▓▓▓▓▓▓        ▀▀ ▀▀▀        ▄▄▄┊               ▀▀▀▀▀▀│       ▄▄
 temp 0.5 drift 0.35   ▄▄▄           ▀▀▀   ┊       ▀▀▀▀▀▀        │▄   ▄▄      ▀▀
 seed 184292                               ▀▀███                 │       ▄
  3  ▶ bass          1━━━━━━━━━━2━━━▼──────3──────────4──────────│next in 11
 base 100                       ┊ ▀▀ ▀▀▀   ┊          ┊    ▀▀▀   │
 temp 0.3 drift 0.35            ▄▄▄▄▄   ▀▀▀▀▀▀        ┊       ▀▀▀│
 seed 184293         ▀▀▀  ▄▄▄   ┊          ┊       ▀▀▀▄▄▄        │
 ch 3 4 bars Dm        ▄▄▄▄▄▄   ┊          ┊ ▀▀ ▀▀▀▀▀▀┊          │

 decode 11/24 of 250 ms  sent late 0.4 ms  late riffs 0  drops 0  midi livevae
  training  nora: 2 takes, 48 windows
  cue       verse, from bar 9 on
~ voice     drums: a riff came 12 ms too late; the riff before plays again
 ? help : request space play 1-9 voice s solo r re-roll k keep l crib ^q leave
 ←→ temp ↑↓ blend u undo t tap R record T train S save nb cue a A/B    0  PANIC"""


async def test_the_stage_in_the_smallest_terminal_reads_like_this() -> None:
    async with screen() as (app, _, _):
        assert shown(app) == STAGE


async def test_the_picture_that_the_readme_opens_with_is_what_the_stage_looks_like() -> None:
    drawn = await picture((120, 40), "dark", "stage", 4)
    assert drawn == (DOCS / "rehearse-stage.svg").read_text(), "make pictures, and look at them"


@pytest.mark.parametrize("ground", ["dark", "light"])
async def test_each_ground_has_its_colours_at_every_size(ground: str) -> None:
    colours = {"dark": "#111417", "light": "#fbfbf8"}
    for size in SIZES:
        drawn = (await picture(size, ground, "stage", 8)).lower()
        assert colours[ground] in drawn
        assert colours["light" if ground == "dark" else "dark"] not in drawn


async def test_without_colours_nothing_is_said_by_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "NO_COLOR", "1")
    drawn = (await picture((80, 24), "dark", "stage", 8)).lower()
    tones = set(re.findall(r"#([0-9a-f]{6})", drawn))
    chrome = {"292929", "c5c8c6", "ff5f57", "febc2e", "28c840"}
    assert {tone for tone in tones - chrome if len({tone[:2], tone[2:4], tone[4:]}) > 1} == set()
