"""What makes a process punctual: real-time priority, memory that stays, exact timers, a quiet collector."""

import ctypes
import gc
import os
import struct
import sys
from contextlib import suppress

PRIORITY = 70
"""SCHED_FIFO, 1 to 99: below JACK's server and its clients' threads (80 and 75 as a rule), above all else."""

ORDINARY = "--ordinary"
"""The player's argument that asks for no real-time priority, to measure what it is worth."""

NICENESS = -15
"""Asked for where there is no real-time priority; the desktop's limit."""

SLICE = 100_000
"""Nanoseconds that an ordinary process asks to have at once: the least that Linux takes."""

SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
"""Linux's numbers of sched_setattr(2)."""

THREAD_TIME_CONSTRAINT_POLICY = 2
MAC_CONSTRAINT = (0.0, 0.001, 0.002)
"""Seconds: no period, computation, and by when it is done."""

MCL_CURRENT, MCL_FUTURE = 1, 2
PR_SET_TIMERSLACK = 29
REMEDY = (
    "add '@audio - rtprio 95' to /etc/security/limits.d/audio.conf, join the group audio, and log in again"
)


def become_realtime(wanted: bool = True) -> tuple[bool, str]:
    """Take real-time priority for this process, by whichever way is open.

    Returns:
        Whether it was granted, and one line: who granted it, or why not and what helps.
    """
    if not wanted:
        _be_ordinary()
        return False, "no real-time priority: it was not asked for"
    if sys.platform == "darwin":
        return _mac_time_constraint()
    if not hasattr(os, "sched_setscheduler"):
        return False, f"no real-time priority: {sys.platform} does not offer it to Python"
    how = ""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    except OSError as error:
        from livevae.player import realtime_kit  # noqa: PLC0415  (Linux only)

        if why := realtime_kit.ask(PRIORITY):
            _be_ordinary()
            return False, f"no real-time priority ({error.strerror}; {why}): {REMEDY}"
        how = "from RealtimeKit"
    _lock_memory()
    _stay_awake()
    return True, how


def quiet_collector() -> None:
    """Never collect: what is alive now stays, and the player's loop makes no cycles."""
    gc.collect()
    gc.freeze()
    gc.disable()


def _be_ordinary() -> None:
    """What an ordinary process may do to be punctual: exact timers, a session of its own, niceness, a short slice."""
    _least_timer_slack()
    _own_session()
    nice = _nicer()
    _short_slice(nice)
    _stay_awake()


def _own_session() -> None:
    """Be a session of our own: Linux shares time out among sessions first, and the server's decodes in its own.

    Source: sched(7), "The autogroup feature". Where sessions are in control groups, it changes nothing.
    """
    with suppress(OSError, AttributeError):  # a leader already
        os.setsid()


def _nicer() -> int:
    """Be as nice to us as the system grants; the niceness that we have."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, min(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    try:
        return os.getpriority(os.PRIO_PROCESS, 0)
    except (OSError, AttributeError):
        return 0


def _short_slice(nice: int) -> None:
    """Have little time at once, and thus sooner: Linux's scheduler goes by deadlines, since 6.12 by this one.

    Source: sched_setattr(2), Documentation/scheduler/sched-eevdf.rst.
    """
    number = SCHED_SETATTR.get(os.uname().machine)
    if sys.platform != "linux" or number is None:
        return
    size, policy, flags, priority, deadline, period = 48, 0, 0, 0, 0, 0
    attributes = struct.pack("=IIQiIQQQ", size, policy, flags, nice, priority, SLICE, deadline, period)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).syscall(number, 0, attributes, 0)


def _least_timer_slack() -> None:
    """Linux lets timers of ordinary processes be 50 us late to save power; ask for 1 ns."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)


def _mac_time_constraint() -> tuple[bool, str]:
    """Ask macOS for a thread that computes a little, soon; what its audio threads ask for.

    Source: mach/thread_policy.h, mach/mach_time.h. Written from them, and not tried on a Mac yet.
    """
    try:
        mach = ctypes.CDLL(None)
        base = (ctypes.c_uint32 * 2)()
        mach.mach_timebase_info(base)
        ticks = [round(seconds * 1e9 * base[1] / base[0]) for seconds in MAC_CONSTRAINT]
        policy = (ctypes.c_uint32 * 4)(*ticks, 1)
        mach.mach_thread_self.restype = ctypes.c_uint32
        failed = mach.thread_policy_set(
            ctypes.c_uint32(mach.mach_thread_self()), THREAD_TIME_CONSTRAINT_POLICY, policy, 4
        )
    except (OSError, AttributeError, ZeroDivisionError) as error:
        return False, f"no real-time priority: {error}"
    if failed:
        return False, f"no real-time priority: macOS refuses the time-constraint policy (error {failed})"
    return True, "time-constraint policy"


def _stay_awake() -> None:
    """Keep the processors out of deep sleep as long as this process lives, where Linux lets us; cyclictest does so too.

    Waking from it takes 0.1 ms on a laptop, and milliseconds on a virtual machine whose host has given the
    processor to somebody else meanwhile. The price is warmth. Source: Documentation/power/pm_qos_interface.
    """
    with suppress(OSError):
        request = os.open("/dev/cpu_dma_latency", os.O_WRONLY)
        os.write(request, (0).to_bytes(4, sys.byteorder))


def _lock_memory() -> None:
    """Keep our pages in memory, where the limit is no trap: with a small limit, later growth would fail."""
    with suppress(ImportError, OSError, AttributeError):
        import resource  # noqa: PLC0415  (Unix only)

        soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        if os.geteuid() == 0 or soft == resource.RLIM_INFINITY:
            ctypes.CDLL(None, use_errno=True).mlockall(MCL_CURRENT | MCL_FUTURE)
