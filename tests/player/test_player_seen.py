"""The server's side of the watch: what it asks for is asked for again until it is seen."""

import json

from livevae.player.client.seen import MOST_TRIES, PortsSeen

PAIR = ("livevae:livevae", "synth:in")


def line(asked, targets):
    view = {
        "outputs": [],
        "systems": ["JACK"],
        "links": {"JACK": {"livevae:livevae": targets}},
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
