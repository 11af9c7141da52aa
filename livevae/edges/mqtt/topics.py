"""Topics of an ensemble: `livevae/1/ENSEMBLE/...`, names of rooms, and the URL that names both.

    $state $description health voice/V riff/V reply/C do pong decoded    below each room's own name
    clock  clock/ping/ROOM  scene  cue  all/do  persona/P  jobs          shared by the ensemble

Law: `Place.parts(Place.topic(*parts)) == parts`.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from livevae.errors import LivevaeError

PREFIX = ("livevae", "1")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
"""What ensembles and rooms may be called, as Homie's ids are."""

SHARED = frozenset(("all", "clock", "cue", "jobs", "persona", "scene"))
"""First parts of topics that belong to no room, so that no room can be called that."""

PORT, TLS_PORT = 1883, 8883
PASSWORD, PASSWORD_FILE = "LIVEVAE_MQTT_PASSWORD", "LIVEVAE_MQTT_PASSWORD_FILE"
EXAMPLE = "mqtt://127.0.0.1/trio/rack"


class MqttError(LivevaeError):
    """What a performer can mend about an ensemble: a URL, a password, a broker that does not answer."""


@dataclass(frozen=True, slots=True)
class Place:
    """A room of an ensemble.

    Attributes:
        ensemble: the ensemble's name.
        room: the room's name; "" for a client that is no room.
    """

    ensemble: str
    room: str = ""

    def topic(self, *parts: str) -> str:
        """The topic (or, with wildcards, the filter) of these parts."""
        return "/".join((*PREFIX, self.ensemble, *parts))

    def own(self, *parts: str) -> str:
        """A topic of this room."""
        return self.topic(self.room, *parts)

    def parts(self, topic: str) -> tuple[str, ...]:
        """A topic's parts below the ensemble's; () where it is none of the ensemble's."""
        parts = topic.split("/")
        if tuple(parts[:2]) != PREFIX or len(parts) < 4 or parts[2] != self.ensemble:
            return ()
        return tuple(parts[3:])


@dataclass(frozen=True, slots=True)
class Address:
    """A broker, and where in it we are.

    Attributes:
        place: the ensemble and the room.
        host: the broker's host.
        port: its port.
        user: who we are to it; "" for nobody.
        tls: whether the connection is encrypted and the broker's certificate checked.
    """

    place: Place
    host: str
    port: int
    user: str = ""
    tls: bool = False

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        way = "/".join(part for part in (self.place.ensemble, self.place.room) if part)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt{'s' if self.tls else ''}://{user}{host}:{self.port}/{way}"


def checked_name(what: str, name: str) -> str:
    """A name of an ensemble or a room.

    Raises:
        MqttError: none can be called that.
    """
    if not NAME.fullmatch(name):
        raise MqttError(f"{what} is 1 to 32 of a-z, 0-9 and -, as in {EXAMPLE}, not {name[:40]!r}")
    return name


def parse(url: str, *, room: bool = True) -> Address:
    """`mqtt://USER@HOST:PORT/ENSEMBLE/ROOM`, or `mqtts://`.

    Args:
        url: what the performer wrote.
        room: whether a room must be named; else it may not.

    Raises:
        MqttError: it is no such URL, or has a password in it.
    """
    try:
        found = urlsplit(url)
        port, host, user = found.port, found.hostname or "", unquote(found.username or "")
    except ValueError as error:
        raise MqttError(f"--mqtt takes a URL as in {EXAMPLE}: {error}") from None
    if found.scheme not in ("mqtt", "mqtts"):
        raise MqttError(f"--mqtt takes a URL as in {EXAMPLE}, or with mqtts://, not {_bare(url)!r}")
    if found.password is not None:
        raise MqttError(
            f"a password does not belong in the URL, where others can read it: put it into {PASSWORD},"
            f" or the path of a file that holds it into {PASSWORD_FILE}"
        )
    names = found.path.strip("/").split("/")
    if found.query or found.fragment or not host or len(names) not in ((2,) if room else (1, 2)):
        raise MqttError(f"--mqtt takes a host, an ensemble and a room, as in {EXAMPLE}, not {_bare(url)!r}")
    checked_name("an ensemble's name", names[0])
    if len(names) == 2:
        checked_name("a room's name", names[1])
        if names[1] in SHARED:
            raise MqttError(f"a room cannot be called {names[1]}: that is a topic of the whole ensemble")
    tls = found.scheme == "mqtts"
    place = Place(names[0], names[1] if len(names) == 2 else "")
    return Address(place, host, port or (TLS_PORT if tls else PORT), user, tls)


def password() -> str | None:
    """The password for the broker, from the environment or the file that it names; None where there is none.

    Raises:
        MqttError: the file cannot be read.
    """
    if (value := os.environ.get(PASSWORD)) is not None:
        return value
    if not (path := os.environ.get(PASSWORD_FILE)):
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MqttError(f"{PASSWORD_FILE}: {path} cannot be read: {error}") from None


def _bare(url: str) -> str:
    """A URL without what may be a password, for errors."""
    return re.sub(r"//[^/@]*@", "//...@", url[:200])
