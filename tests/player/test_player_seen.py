"""The server's side of the watch: what it asks for is asked for again until it is seen."""

import json

from livevae.player.client.seen import MOST_TRIES, PortsSeen

PAIR = ("livevae:livevae", "synth:in")


def line(asked, targets, sources=()):
    view = {
        "outputs": [],
        "systems": ["JACK"],
        "links": {"JACK": {"livevae:livevae": targets}},
        "heard": {"livevae-in:in": sources},
        "sources": ["keys:out"],
        "asked": asked,
    }
    return json.dumps(view).encode()


def test_a_connection_that_no_watch_has_made_is_wanted_until_it_is_seen():
    seen = PortsSeen(lambda: None, lambda _: None)
    seen.ask([PAIR])
    seen._hear(line(1, []))
    assert seen.fresh
    assert list(seen._wanted) == [PAIR]  # the next watch, or the next question, asks for it again
    seen._hear(line(1, ["synth:in"]))
    assert not seen._wanted
    seen._hear(line(1, []))  # whoever takes it away later is not contradicted
    assert not seen._wanted


def test_two_ports_that_cannot_be_connected_are_not_tried_for_ever():
    seen = PortsSeen(lambda: None, lambda _: None)
    for _ in range(MOST_TRIES):
        seen.ask([PAIR])
    assert seen._wanted[PAIR] == MOST_TRIES


def test_who_plays_to_an_input_of_ours_is_wanted_until_it_is_seen():
    seen, keys = PortsSeen(lambda: None, lambda _: None), ("keys:out", "livevae-in:in")
    seen.ask([keys])
    seen._hear(line(1, []))
    assert list(seen._wanted) == [keys]
    seen._hear(line(1, [], ["keys:out"]))
    assert not seen._wanted
