"""Who conducts: all rooms that received the same messages go by the same line."""

import random

from hypothesis import given, strategies as st

from livevae.edges.mqtt.conducting import ECHO, GRACE, RETURN, TURN, Election
from livevae.edges.mqtt.repeats import KEPT, Repeats
from livevae.edges.mqtt.values import GONE, LOST, READY, Line, RoomState


def line(conductor: str, term: int = 1, seq: int = 1, boot: str = "") -> Line:
    return Line(conductor, boot or f"{conductor}-1", term, seq, 0.0, 0.0, 120.0)


def ready(room: str, session: int = 1, boot: str = "") -> RoomState:
    return RoomState(READY, boot or f"{room}-1", session, follows=True)


class Rooms:
    """Rooms whose messages all arrive at once, in virtual seconds."""

    def __init__(self, *names: str) -> None:
        self.now = 0.0
        self.up: dict[str, Election] = {}
        self.claims: list[tuple[float, str]] = []
        self.retained: Line | None = None
        self.deaf: set[str] = set()
        for name in names:
            self.join(name)

    def join(self, name: str, boot: str = "") -> Election:
        election = Election(name, boot or f"{name}-1")
        election.connected(self.now)
        for other in self.up.values():
            election.state(other.room, ready(other.room, boot=other.boot), self.now)
        if self.retained is not None:
            election.receive(self.retained, self.now)
        self.up[name] = election
        for other in self.up.values():
            other.state(name, ready(name, boot=election.boot), self.now)
        return election

    def kill(self, name: str, state: str = LOST) -> None:
        dead = self.up.pop(name)
        for other in self.up.values():
            other.state(name, RoomState(state, dead.boot), self.now)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += 0.1
            for name, election in list(self.up.items()):
                if election.due(self.now):
                    claim = election.claim(line(name), self.now)
                    self.claims.append((round(self.now, 1), name))
                    if name in self.deaf:
                        continue
                    self.retained = claim
                    for other in self.up.values():
                        other.receive(claim, self.now)

    @property
    def conductors(self) -> set[str]:
        return {election.conductor for election in self.up.values()}


def test_the_first_in_the_alphabet_conducts_where_nobody_does() -> None:
    rooms = Rooms("cello", "bass", "drums")
    rooms.run(10)
    assert rooms.conductors == {"bass"}
    assert [name for _, name in rooms.claims] == ["bass"]
    assert rooms.claims[0][0] >= GRACE


def test_when_the_conductor_is_lost_the_next_room_takes_over_once() -> None:
    rooms = Rooms("cello", "bass", "drums")
    rooms.run(10)
    rooms.kill("bass")
    rooms.run(10)
    assert rooms.conductors == {"cello"}
    assert [name for _, name in rooms.claims] == ["bass", "cello"]


def test_a_conductor_that_leaves_is_followed_at_once() -> None:
    rooms = Rooms("bass", "cello")
    rooms.run(5)
    rooms.kill("bass", GONE)
    rooms.run(0.3)
    assert rooms.conductors == {"cello"}


def test_a_lost_conductor_that_is_back_follows() -> None:
    rooms = Rooms("bass", "cello")
    rooms.run(5)
    rooms.kill("bass")
    rooms.run(5)
    back = rooms.join("bass", "bass-2")
    rooms.run(10)
    assert rooms.conductors == {"cello"}
    assert not back.conducting


def test_a_conductor_that_was_restarted_takes_its_place_again_with_another_term() -> None:
    rooms = Rooms("bass", "cello")
    rooms.run(5)
    rooms.up.pop("bass")
    rooms.join("bass", "bass-2")
    rooms.run(5)
    assert rooms.conductors == {"bass"}
    assert rooms.retained is not None
    assert (rooms.retained.term, rooms.retained.boot) == (2, "bass-2")


def test_a_room_whose_claim_the_broker_swallows_yields_to_the_next() -> None:
    rooms = Rooms("bass", "cello")
    rooms.deaf.add("bass")
    rooms.run(ECHO + GRACE + TURN + 1)
    assert rooms.conductors == {"cello"}
    assert rooms.up["bass"].denied


def test_a_performer_can_ask_a_room_to_conduct() -> None:
    rooms = Rooms("bass", "cello")
    rooms.run(5)
    rooms.up["cello"].wished = True
    rooms.run(1)
    assert rooms.conductors == {"cello"}
    rooms.run(10)
    assert rooms.conductors == {"cello"}


def test_who_yields_its_place_leaves_it_to_others() -> None:
    election = Election("bass", "bass-1")
    election.connected(0)
    election.claim(line("bass"), 5)
    election.yield_place()
    assert not election.conducting


def test_a_broker_that_is_gone_changes_nobodys_line() -> None:
    rooms = Rooms("bass", "cello")
    rooms.run(5)
    cello = rooms.up["cello"]
    before = cello.line
    cello.disconnected()
    rooms.run(60)
    assert cello.line == before
    assert [name for _, name in rooms.claims] == ["bass"]


def test_after_a_brokers_restart_the_conductor_has_time_to_come_back() -> None:
    cello = Election("cello", "c")
    cello.connected(0)
    cello.state("bass", ready("bass"), 0)
    cello.receive(line("bass"), 0)
    cello.disconnected()
    cello.connected(100)
    assert not cello.due(100 + RETURN - 0.1)
    cello.state("bass", ready("bass", session=2), 100 + RETURN - 0.05)
    assert not cello.due(200)
    assert cello.conductor == "bass"


def test_the_will_of_an_old_session_says_nothing() -> None:
    election = Election("cello", "c")
    election.connected(0)
    election.state("bass", ready("bass", session=3), 0)
    assert not election.state("bass", RoomState(LOST, "bass-1", 2), 1)
    assert not election.state("bass", RoomState(LOST, "bass-0", 9), 1)
    assert election.states["bass"].state == READY
    assert election.state("bass", RoomState(LOST, "bass-1", 3), 2)


@given(st.integers(0, 2**32))
def test_whatever_the_order_and_however_often_all_go_by_the_same_line(seed: int) -> None:
    chance = random.Random(seed)
    said = [line(room, term, seq) for room in ("ann", "bob") for term in (1, 2, 3) for seq in (1, 2)]
    chosen = chance.sample(said, 6)
    ends = set()
    for _ in range(3):
        election = Election("zoe", "z")
        election.connected(0)
        for one in chance.sample(chosen * 2, 12):
            election.receive(one, 0)
        ends.add(election.line)
    assert len(ends) == 1


@given(st.lists(st.sampled_from("abcde"), min_size=2, max_size=5, unique=True), st.integers(0, 2**32))
def test_rooms_that_come_and_go_agree_in_the_end(names: list[str], seed: int) -> None:
    chance = random.Random(seed)
    rooms = Rooms(names[0])
    lives = dict.fromkeys(names, 1)
    for _ in range(8):
        name = chance.choice(names)
        if name in rooms.up and len(rooms.up) > 1:
            rooms.kill(name, chance.choice((LOST, GONE)))
        elif name not in rooms.up:
            lives[name] += 1
            rooms.join(name, f"{name}-{lives[name]}")
        rooms.run(chance.uniform(0, 3))
    rooms.run(30)
    assert len(rooms.conductors) == 1
    assert rooms.conductors <= rooms.up.keys()


def test_the_last_ids_are_remembered() -> None:
    known: Repeats[int] = Repeats()
    for i in range(1000):
        known.keep(i, i)
    assert len(known) == KEPT
    assert known.get(999) == 999
    assert 0 not in known
    assert known.get(0) is None
