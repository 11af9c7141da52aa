"""Real-time priority from RealtimeKit, as desktop audio asks for it: over D-Bus, with no right of our own.

Source: rtkit's README and org.freedesktop.RealtimeKit1.xml. It asks that a process has set RLIMIT_RTTIME, after which
the kernel ends a process that computes without a pause.
"""

import os
import resource
import signal
import threading
import time
from contextlib import closing, suppress
from types import FrameType
from typing import Any

NAME, PATH = "org.freedesktop.RealtimeKit1", "/org/freedesktop/RealtimeKit1"

PATIENCE = 2.0
"""Seconds that the bus and the daemon are given for an answer."""

SHARE = 0.75
"""The share of the time that may be computed without a pause after which we make one."""

NICENESS = -11
"""What desktop audio asks for where real-time priority is refused."""


def ask(priority: int) -> str:
    """Ask for real-time priority for this thread, else for niceness; "" or why there is no real-time priority.

    Args:
        priority: the highest that is of use, 1 to 99.
    """
    try:
        from jeepney import DBusAddress, Properties, new_method_call  # noqa: PLC0415  (only if asked)
        from jeepney.io.blocking import open_dbus_connection  # noqa: PLC0415
    except ImportError:
        return "jeepney is not installed"
    kit = DBusAddress(PATH, bus_name=NAME, interface=NAME)
    try:
        with closing(open_dbus_connection("SYSTEM", auth_timeout=PATIENCE)) as bus:

            def call(message: Any) -> Any:
                return _content(bus.send_and_get_reply(message, timeout=PATIENCE))

            properties = Properties(kit)
            most = int(call(properties.get("MaxRealtimePriority")))
            _limit_time(int(call(properties.get("RTTimeUSecMax"))))
            ids = (os.getpid(), threading.get_native_id())
            try:
                call(new_method_call(kit, "MakeThreadRealtimeWithPID", "ttu", (*ids, min(priority, most))))
            except PermissionError:
                with suppress(PermissionError):
                    call(new_method_call(kit, "MakeThreadHighPriorityWithPID", "tti", (*ids, NICENESS)))
                raise
    except Exception as error:  # noqa: BLE001  (jeepney raises several kinds of its own)
        return f"RealtimeKit: {str(error) or type(error).__name__}"
    return ""


def _content(reply: Any) -> Any:
    """What a method or a property gave; PermissionError with the daemon's words where it refused."""
    from jeepney import MessageType  # noqa: PLC0415

    if reply.header.message_type is MessageType.error:
        raise PermissionError(*reply.body[:1])
    return reply.body[0][1] if reply.body else None


def _limit_time(most: int) -> None:
    """Accept the limit of `most` microseconds without a pause, and make a pause before the kernel ends us."""
    _, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
    if hard == resource.RLIM_INFINITY or hard > most:
        hard = most
    signal.signal(signal.SIGXCPU, _pause)
    resource.setrlimit(resource.RLIMIT_RTTIME, (round(SHARE * hard), hard))


def _pause(_signal: int, _frame: FrameType | None) -> None:
    """Let the kernel begin to count anew; it has put the soft limit a second off, beyond the hard one."""
    time.sleep(0.001)
    _, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
    resource.setrlimit(resource.RLIMIT_RTTIME, (round(SHARE * hard), hard))
