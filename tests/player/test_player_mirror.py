"""The mirror's laws: whatever a player was told, another can go on."""

from hypothesis import given, strategies as st

from livevae.player.client.mirror import Mirror
from livevae.player.core import PlayerCore
from livevae.player.wire.commands import Cancel, Panic, Play, Release, Send, SetTempo
from livevae.tempo.events import PlayNote
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


class Life:
    """A player's core under a script, and what a receiver of its port has heard of all lives so far."""

    def __init__(self, hanging):
        self.core, self.hanging = PlayerCore(LINE), hanging

    def until(self, now):
        while (deadline := self.core.deadline()) is not None and deadline <= now:
            self.hear(self.core.due(deadline))

    def hear(self, sent):
        for message in sent:
            key = (message.port, message.data[0] & 0x0F, message.data[1])
            if message.data[0] & 0xF0 == 0x90:
                self.hanging.add(key)
            else:
                self.hanging.discard(key)


@given(st.lists(st.tuples(scripts, st.floats(0, 3), st.booleans()), min_size=1, max_size=4), st.floats(0, 2))
def test_after_any_number_of_deaths_whatever_still_sounds_is_released_and_what_waits_is_played(lives, last):
    """Players die one after the other, with pauses; some say what has left, some die before they can."""
    mirror, now, hanging = Mirror(), 0.0, set()
    life = Life(hanging)
    for script, pause, speaks in lives:
        for wait, command in [*script, (last, Play(()))]:
            now += wait
            life.until(now)
            mirror.see(command, LINE, now)
            life.hear(life.core.handle(command, now))
            if speaks:
                mirror.left(life.core.through(now - 0.1), LINE)
        dead, now = life, now + pause
        life = Life(hanging)
        for command in mirror.resume(LINE, now).commands:
            life.hear(life.core.handle(command, now))
        assert hanging == set()
        if not pause:
            dead.core.due(now)
            assert future_ons(dead.core, now) == future_ons(life.core, now)
            return


@given(scripts)
def test_what_a_lost_port_may_hold_is_owed_until_it_is_settled(script):
    mirror, now = Mirror(), 0.0
    life = Life(set())
    for wait, command in script:
        now += wait
        life.until(now)
        mirror.see(command, LINE, now)
        life.hear(life.core.handle(command, now))
        mirror.left(life.core.through(now - 0.1), LINE)
    mirror.see(Play(()), LINE, now)
    mirror.lost("synth")
    owed = {("synth", 0, note.pitch) for note in mirror.owed({"synth"})}
    assert life.hanging <= owed
    assert not mirror.owed({"another"})
    mirror.settle("synth")
    assert not mirror.owed({"synth"})


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
        mirror.left(i * 960 - 200, LINE)
    assert len(mirror) < 10


def test_a_player_that_says_nothing_costs_no_more_than_one_note_a_key():
    mirror = Mirror()
    for i in range(10_000):
        mirror.see(Play((PlayNote(i, 960, "synth", 1, i % 128, 96, "a"),)), LINE, i / 100)
    assert len(mirror) < 300


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
