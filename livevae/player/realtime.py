"""What makes a process punctual: real-time priority, memory that stays, exact timers, a quiet collector."""

import ctypes
import gc
import os
import sys
from contextlib import suppress

PRIORITY = 70
"""SCHED_FIFO, 1 to 99: below JACK's server and its clients' threads (80 and 75 as a rule), above all else."""

ORDINARY = "--ordinary"
"""The player's argument that asks for no real-time priority, to measure what it is worth."""

MCL_CURRENT, MCL_FUTURE = 1, 2
PR_SET_TIMERSLACK = 29
REMEDY = (
    "add '@audio - rtprio 95' to /etc/security/limits.d/audio.conf, join the group audio, and log in again"
)


def become_realtime(wanted: bool = True) -> tuple[bool, str]:
    """Take real-time priority for this process; (granted, one line that says why not and what helps)."""
    if not wanted:
        _least_timer_slack()
        return False, "no real-time priority: it was not asked for"
    if not hasattr(os, "sched_setscheduler"):
        return False, f"no real-time priority: {sys.platform} does not offer it to Python"
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    except OSError as error:
        _least_timer_slack()
        return False, f"no real-time priority ({error.strerror}): {REMEDY}"
    _lock_memory()
    _stay_awake()
    return True, ""


def quiet_collector() -> None:
    """Never collect: what is alive now stays, and the player's loop makes no cycles."""
    gc.collect()
    gc.freeze()
    gc.disable()


def _least_timer_slack() -> None:
    """Linux lets timers of ordinary processes be 50 us late to save power; ask for 1 ns."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)


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
