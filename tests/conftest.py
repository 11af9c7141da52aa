"""Shared by all tests: where the reference folder is, if it is anywhere."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# how long an example takes says more about the machine than about livevae; in CI the same examples are tried each
# time, so that a failure is the change's own, and new ones everywhere else
settings.register_profile("livevae", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("livevae")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference folder beside the checkout; tests that need it are skipped, saying so, without it."""
    if not SHARED.is_dir():
        pytest.skip("the reference folder ../shared is not here")
    return SHARED
