"""Shared by all tests: where the reference folder is, if it is anywhere."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

# for every process that a test starts, too: threads of one that has several wait busily for each other, and where other
# processes compute, for most of the time
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from benchmarks.graph import jack_graph

# how long an example takes says more about the machine than about livevae; the same examples are tried each time, so
# that a failure is the change's own; `make explore` tries new ones
settings.register_profile("livevae", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, derandomize=False, print_blob=True)
settings.load_profile("explore" if os.environ.get("LIVEVAE_EXPLORE") else "livevae")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference folder beside the checkout; tests that need it are skipped, saying so, without it."""
    if not SHARED.is_dir():
        pytest.skip("the reference folder ../shared is not here")
    return SHARED


@pytest.fixture(scope="module")
def jack() -> Iterator[str]:
    """A JACK server of a module's own, the default one of this process and its children; gives its name."""
    if shutil.which("jackd") is None or shutil.which("jack_lsp") is None:
        if os.environ.get("CI"):
            pytest.fail("jackd must be here in CI")
        pytest.skip("jackd is not installed (Debian: apt install jackd2)")
    with jack_graph(ours=True):
        yield os.environ["JACK_DEFAULT_SERVER"]
