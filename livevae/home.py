"""The folder of a performer's own things: models, personas, data sets, downloads."""

import os
from pathlib import Path

from platformdirs import user_data_path


def home() -> Path:
    """`LIVEVAE_HOME`, or livevae's folder in the user's data folder."""
    own = os.environ.get("LIVEVAE_HOME")
    return Path(own) if own else user_data_path("livevae", appauthor=False)
