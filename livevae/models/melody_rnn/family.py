"""The melody, improv and drums RNNs, as `models.families.Family` asks for them."""

from typing import Any, Literal

from livevae.models.melody_rnn.config import CONFIGS, FORMAT, Config
from livevae.models.melody_rnn.decode import MelodyDecoder
from livevae.models.melody_rnn.layout import shapes
from livevae.models.melody_rnn.model import Model, takes

__all__ = ["CONFIGS", "FORMAT", "NAME", "decoder", "model", "plays", "read_config", "shapes", "takes", "task"]

NAME = "melody_rnn"

read_config, model, decoder = Config.from_json, Model, MelodyDecoder


def plays(config: Config) -> Literal["drums", "line"]:
    """What of a band its models play."""
    return "drums" if config.family == "drums" else "line"


def task(config: Config) -> Any:
    """What its training needs."""
    from livevae.models.melody_rnn.task import Task  # noqa: PLC0415  (torch is slow to import)

    return Task(config)
