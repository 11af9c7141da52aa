"""What the processes that we start must know."""

import os
from pathlib import Path


def environment() -> dict[str, str]:
    """Our own environment, with the way to this livevae, however it was started."""
    here = str(Path(__file__).resolve().parents[1])
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": here + (os.pathsep + path if path else "")}
