"""Who is connected to our virtual ports, as the watch sees it, and what follows when a port goes and comes."""

from livevae.player.client.connections import Connections, of_port
from livevae.player.watch import alsa_links

OURS = ["livevae:livevae"]
TO_SYNTH, TO_TAPE = ("livevae:livevae", "synth:in"), ("livevae:livevae", "tape:in")
ALSA = """Client info
  cur  clients : 4

Client   0 : "System" [Kernel Legacy]
  Port   0 : "Timer" (Rwe-) [In/Out]
    Connecting To: 129:0
Client 128 : "livevae" [User Legacy]
  Port   0 : "drums" (R-e-)
    Connecting To: 129:0, 130:1[r:0]
  Port   1 : "lead" (R-e-)
Client 129 : "FLUID Synth (12)" [User Legacy]
  Port   0 : "Synth input port (12:0)" (-We-)
    Connected From: 128:0
"""


def test_a_connection_is_new_once():
    connections = Connections()
    assert connections.seen("", [TO_SYNTH])
    assert not connections.seen("", [TO_SYNTH])
    assert connections.seen("", [TO_SYNTH, TO_TAPE])
    assert not connections.seen("", [])
    assert connections.seen("", [TO_TAPE])


def test_after_a_port_went_its_connections_are_made_again_once_each_as_their_receivers_are_there():
    connections = Connections()
    connections.seen("", [TO_SYNTH, TO_TAPE])
    connections.lost("")
    assert not connections.seen("", [])
    assert connections.to_make([], ["synth:in"]) == [], "our own port is not there yet"
    assert connections.to_make(OURS, ["synth:in", "other:in"]) == [TO_SYNTH]
    assert connections.to_make(OURS, ["synth:in", "other:in"]) == []
    assert connections.seen("", [TO_SYNTH])
    assert connections.to_make(OURS, ["synth:in", "tape:in"]) == [TO_TAPE]
    assert connections.seen("", [TO_SYNTH, TO_TAPE])


def test_a_connection_that_somebody_else_takes_away_is_not_made_again():
    connections = Connections()
    connections.seen("", [TO_SYNTH])
    connections.seen("", [])
    assert connections.to_make(OURS, ["synth:in"]) == []


def test_a_receiver_that_goes_and_comes_meanwhile_is_tried_again():
    connections = Connections()
    connections.seen("", [TO_SYNTH])
    connections.lost("")
    assert connections.to_make(OURS, ["synth:in"]) == [TO_SYNTH]
    assert connections.to_make(OURS, []) == []
    assert connections.to_make(OURS, ["synth:in"]) == [TO_SYNTH]


def test_our_port_is_found_by_its_label_whatever_number_its_client_got():
    links = {"livevae-01:drums": ["synth:in"], "livevae:drums-2": ["x:in"], "live:drums": ["y:in"]}
    assert of_port("drums", "livevae", links) == [("livevae-01:drums", "synth:in")]
    assert of_port("bass", "livevae", links) is None
    assert of_port("bass", "livevae", {"livevae:bass": []}) == []


def test_alsa_connections_are_read_with_names_in_place_of_numbers():
    assert alsa_links(ALSA) == {
        "livevae:drums": ["130:1", "FLUID Synth (12):Synth input port (12:0)"],
        "livevae:lead": [],
    }
    assert alsa_links("") == {}


def test_names_of_others_that_look_like_lines_of_the_list_are_no_ports_of_ours():
    lying = 'Client 14 : "x" [Kernel]\n  Port   0 : "a\n    Connecting To: 1:1\nClient 9 : "livevae" [\n    Connecting To: 2:2\n'
    assert alsa_links(lying) == {}
