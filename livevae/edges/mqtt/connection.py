"""The connection to a broker through aiomqtt: comes back by itself, and holds nobody up. Imported only when asked for.

Laws: `send` returns at once, whatever the broker does; what waits is bounded, the oldest is dropped first and counted;
after a connection is back, nothing is sent that was meant for the time without it (a room says its state anew).
"""

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any, Protocol

from livevae.edges.mqtt.clients import Visitor
from livevae.edges.mqtt.intake import Inbox, Intake
from livevae.edges.mqtt.messages import Arrived
from livevae.edges.mqtt.topics import Address, MqttError, password

logger = logging.getLogger(__name__)

NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Without it a small message may wait 40 ms for the acknowledgement of the one before (Nagle, delayed ACK)."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two attempts to connect: doubled up to the longest."""

PATIENCE = 5.0
"""Seconds that a broker may take to answer."""

KEEPALIVE = 5
"""Seconds of silence after which the broker takes us for dead at one and a half of that (MQTT 3.1.1, 3.1.2.10)."""

WAITING = 256
"""Messages that wait to be sent."""

RECEIVES = (socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
"""Bytes that wait for us on this side, at most: in a flood what is read is not older than need be."""

_FOREIGN = logging.getLogger(f"{__name__}.aiomqtt")
_FOREIGN.setLevel(logging.CRITICAL)
"""What aiomqtt warns of is counted or said here: its own lines would be a log without end in a flood."""

NOT_INSTALLED = "MQTT needs aiomqtt, which is not installed here: pip install 'livevae[mqtt]'"


class Client(Protocol):
    """Who lives behind a connection: a room, a worker, somebody who watches."""

    @property
    def filters(self) -> tuple[tuple[str, int], ...]:
        """What to subscribe to, each with its QoS."""

    def will(self) -> tuple[str, bytes] | None:
        """Topic and payload of the last will; retained."""

    def farewell(self) -> tuple[str, bytes] | None:
        """What is said last; retained."""

    def connected(self) -> None:
        """The broker is here."""

    def disconnected(self) -> None:
        """The broker is gone."""

    def arrived(self, message: Arrived) -> None:
        """A message came."""


class Connection:
    """A connection to a broker that is kept. Lives on one loop.

    Args:
        address: the broker, and who we are to it.
        identifier: of the client; another for every process.
        ca: a file of certificates that sign the broker's; None for the system's.
        say: shows the performer a line.
        nodelay: whether small messages leave at once (for measurements only).

    Attributes:
        online: whether the broker is here.
        dropped: messages that were not sent, because too many waited or the broker refused them.
        pauses: how often reading paused, because more came than may be read (see `intake`).
    """

    def __init__(
        self,
        address: Address,
        identifier: str,
        *,
        ca: Path | None = None,
        say: Callable[[str], None] = logger.info,
        nodelay: bool = True,
    ) -> None:
        try:
            import aiomqtt  # noqa: PLC0415  (an optional extra)
        except ImportError:
            raise MqttError(NOT_INSTALLED) from None
        self._aiomqtt: Any = aiomqtt
        self._address, self._identifier, self._say = address, identifier, say
        self._password = password()
        self._tls = _tls(ca) if address.tls else None
        if ca is not None and not address.tls:
            raise MqttError("--mqtt-ca is for mqtts://, and this is mqtt://")
        self._options = [NODELAY, RECEIVES] if nodelay else [RECEIVES]
        self._ca, self._nodelay = ca, nodelay
        self._queue: deque[tuple[str, bytes, int, bool]] = deque()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._why = ""
        self._left_out: frozenset[str] = frozenset()
        self.online = False
        self.dropped = 0
        self.pauses = 0

    @property
    def why(self) -> str:
        """Why the broker is not here; "" while it is, or before it was tried."""
        return self._why

    @property
    def where(self) -> str:
        """The broker's host and port."""
        return f"{self._address.host}:{self._address.port}"

    def send(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """Send it, or drop it where the broker is gone or does not keep up; returns at once."""
        if not self.online:
            return
        if len(self._queue) >= WAITING:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append((topic, payload, qos, retain))
        self._wake.set()

    async def drained(self) -> None:
        """Wait until the broker has all that was sent."""
        while self._queue or self._tasks:
            if self._tasks:
                await asyncio.wait(set(self._tasks))
            else:
                await asyncio.sleep(0)

    async def keep(self, client: Client, apart: Collection[str] = ()) -> None:
        """Connect, and connect again whenever the broker is gone, until cancelled; then say farewell.

        Args:
            client: who lives behind it.
            apart: those of its filters that are read over a connection of their own: a flood of everything else
                delays nothing of them.
        """
        if not apart:
            await self._keep(client)
            return
        aside = Connection(
            self._address, f"{self._identifier}-apart", ca=self._ca, say=logger.debug, nodelay=self._nodelay
        )
        rest = _Part(client, tuple(one for one in client.filters if one[0] in apart))
        self._left_out = frozenset(apart)
        reading = asyncio.create_task(aside.keep(rest), name="mqtt apart")
        try:
            await self._keep(client)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _keep(self, client: Client) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._once(client)
            except self._aiomqtt.MqttError as error:
                why = str(error) or type(error).__name__
            except (OSError, TimeoutError, ValueError) as error:
                why = str(error) or type(error).__name__
            else:
                why = "the connection ended"
            if self.online:
                pause = FIRST_PAUSE
            self._gone(client, why)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _once(self, client: Client) -> None:
        aiomqtt, address = self._aiomqtt, self._address
        will = client.will()
        intake = Intake(client.arrived)
        async with aiomqtt.Client(
            address.host,
            address.port,
            username=address.user or None,
            password=self._password,
            identifier=self._identifier,
            will=aiomqtt.Will(will[0], will[1], 1, retain=True) if will is not None else None,
            timeout=PATIENCE,
            keepalive=KEEPALIVE,
            queue_type=lambda maxsize: Inbox(intake.came, maxsize),
            max_inflight_messages=64,
            tls_context=self._tls,
            socket_options=self._options,
            logger=_FOREIGN,
        ) as connected:
            intake.start(connected._client)  # noqa: SLF001  (paho's client: aiomqtt has no other way to it)
            await connected.subscribe([one for one in client.filters if one[0] not in self._left_out])
            self._queue.clear()
            self.online = True
            if self._why:
                self._say(f"mqtt    {self.where} is back")
            else:
                self._say(f"mqtt    {address}")
            self._why = ""
            sending = asyncio.create_task(self._send_on(connected), name="mqtt send")
            try:
                client.connected()
                intake.hand_on()
                await self._end_of(connected, intake.broken)
            except asyncio.CancelledError:
                sending.cancel()
                await self._leave(connected, client)
                raise
            finally:
                sending.cancel()
                intake.stop()
                self.pauses += intake.pauses

    async def _end_of(self, connected: Any, broken: "asyncio.Future[Exception]") -> None:
        """Wait until the connection has ended; raises why."""
        over = asyncio.ensure_future(anext(connected.messages))  # which never come this way
        try:
            await asyncio.wait((over, broken), return_when=asyncio.FIRST_COMPLETED)
            why = broken.result() if broken.done() else over.exception()
            raise self._aiomqtt.MqttError("the connection was lost") from why
        finally:
            over.cancel()
            await asyncio.gather(over, return_exceptions=True)

    async def _send_on(self, connected: Any) -> None:
        while True:
            while self._queue:
                topic, payload, qos, retain = self._queue.popleft()
                publishing = connected.publish(topic, payload, qos=qos, retain=retain)
                if qos == 0:
                    await self._published(publishing)
                elif len(self._tasks) < WAITING:  # its acknowledgement holds nobody up
                    task = asyncio.create_task(self._published(publishing))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                else:
                    publishing.close()
                    self.dropped += 1
            self._wake.clear()
            await self._wake.wait()

    async def _published(self, publishing: Coroutine[Any, Any, None]) -> None:
        try:
            await publishing
        except (self._aiomqtt.MqttError, ValueError) as error:
            self.dropped += 1
            logger.debug("mqtt: not sent: %s", error)

    async def _leave(self, connected: Any, client: Client) -> None:
        """Say farewell, with a second's patience."""
        while self._queue:
            topic, payload, qos, retain = self._queue.popleft()
            await self._published(connected.publish(topic, payload, qos=qos, retain=retain, timeout=1))
        if (last := client.farewell()) is not None:
            await self._published(connected.publish(last[0], last[1], qos=1, retain=True, timeout=1))

    def _gone(self, client: Client, why: str) -> None:
        if self.online:
            self.online = False
            client.disconnected()
        for task in self._tasks:
            task.cancel()
        if not self._why:  # once an outage, for its first reason
            self._say(f"mqtt    no broker at {self.where}: {why}; the music plays on, and it is tried again")
        self._why = self._why or why


def _tls(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise MqttError(f"--mqtt-ca: {ca} holds no certificates that can be read: {error}") from None


class _Part(Visitor):
    """Some of a client's messages; of the connection's life the client is told by its other one."""

    def __init__(self, client: Client, filters: tuple[tuple[str, int], ...]) -> None:
        super().__init__()
        self.filters, self.arrived = filters, client.arrived
