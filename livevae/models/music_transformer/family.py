"""The Music Transformer, as `models.families.Family` asks for it."""

from typing import Any, Literal

from livevae.models.music_transformer.config import CONFIGS, FORMAT, Config, shapes
from livevae.models.music_transformer.decode import TransformerDecoder
from livevae.models.music_transformer.model import TAKES, Model

__all__ = ["CONFIGS", "FORMAT", "NAME", "decoder", "model", "plays", "read_config", "shapes", "takes", "task"]

NAME = "music_transformer"

read_config, model, decoder = Config.from_json, Model, TransformerDecoder


def takes(_: Config) -> tuple[str, ...]:
    """The fields of a recipe that have an effect."""
    return TAKES


def plays(_: Config) -> Literal["band"]:
    """What of a band its models play."""
    return "band"


def task(config: Config) -> Any:
    """What its training needs."""
    from livevae.models.music_transformer.task import Task  # noqa: PLC0415  (torch is slow to import)

    return Task(config)
