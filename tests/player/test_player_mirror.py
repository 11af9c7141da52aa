"""The mirror's laws: whatever a player was told, another can go on."""

from hypothesis import given, strategies as st

from livevae.player.client.mirror import Mirror
from livevae.player.core import PlayerCore
from livevae.player.wire.commands import Cancel, Panic, Play, PlayNote, Release, Send, SetTempo
from livevae.tempo.timeline import Timeline

LINE = Timeline(0, 0.0, 120)

notes = st.builds(
    PlayNote,
    st.integers(0, 12_000),
    st.integers(1, 6000),
    st.just("synth"),
    st.just(1),
    st.integers(60, 66),
    st.just(96),
    st.sampled_from(("a", "b")),
)
commands = st.one_of(
    st.builds(Play, st.lists(notes, max_size=5).map(tuple)),
    st.builds(Cancel, st.sampled_from(("", "a", "b")), st.one_of(st.none(), st.integers(0, 12_000))),
    st.just(Panic()),
)
scripts = st.lists(st.tuples(st.floats(0, 1), commands), max_size=15)


def keys_of(sent, kind):
    return {(m.port, m.data[0] & 0x0F, m.data[1]) for m in sent if m.data[0] & 0xF0 == kind}


@given(scripts, st.floats(0, 2))
def test_what_sounds_when_a_player_dies_is_released_and_what_waits_is_played(script, last):
    """Two cores: one that dies at the end of the script, and one that never does."""
    core, mirror, now = PlayerCore(LINE), Mirror(), 0.0
    for wait, command in [*script, (last, Play(()))]:
        for_good = now + wait
        while (deadline := core.deadline()) is not None and deadline <= for_good:
            core.due(deadline)
        now = for_good
        mirror.see(command, LINE, now)
        core.handle(command, now)
    told = mirror.resume(LINE, now).commands
    released = {("synth", 0, n.pitch) for c in told if isinstance(c, Release) for n in c.notes}
    waiting = PlayerCore(LINE)
    for command in told:
        if isinstance(command, Play):
            waiting.handle(command, now)
    core.due(now)
    sounding = keys_of(core.port_back("synth", now), 0x80)
    assert sounding <= released
    assert future_ons(core, now) == future_ons(waiting, now)


def future_ons(core, now):
    out = []
    while (deadline := core.deadline()) is not None:
        out += [m.tick for m in core.due(deadline) if m.data[0] & 0xF0 == 0x90 and m.due > now]
    return sorted(out)


def test_the_past_is_forgotten():
    mirror = Mirror()
    for i in range(1000):
        mirror.see(Play((PlayNote(i * 960, 960, "synth", 1, 60, 96, "a"),)), LINE, i * 0.5)
        mirror.see(Send(i * 960, "synth", b"\xc0\x01"), LINE, i * 0.5)
        mirror.see(SetTempo(120.0), LINE, i * 0.5)
    assert len(mirror) < 10


def test_a_tempo_asked_for_just_before_is_asked_for_again():
    mirror = Mirror()
    mirror.see(SetTempo(90.0), LINE, 1.0)
    assert mirror.resume(LINE, 1.1).commands == (SetTempo(90.0, None, 0),)
    assert mirror.resume(LINE, 2.0).commands == ()


def test_what_is_left_of_a_ramp_and_a_tempo_that_waits_are_asked_for_again():
    mirror = Mirror()
    mirror.see(SetTempo(90.0, over=3840), LINE, 0.0)
    mirror.see(SetTempo(60.0, tick=9600), LINE, 0.0)
    assert mirror.resume(LINE, 1.0).commands == (SetTempo(90.0, None, 1920), SetTempo(60.0, 9600, 0))


def test_a_cancelled_note_is_not_played_again_even_when_it_was_about_to_begin():
    mirror = Mirror()
    mirror.see(Play((PlayNote(100, 960, "synth", 1, 60, 96, "a"),)), LINE, 0.0)
    mirror.see(Cancel("a"), LINE, 0.04)
    (command,) = mirror.resume(LINE, 0.045).commands
    assert isinstance(command, Release)
