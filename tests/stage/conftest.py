"""Fixtures of the stage tests."""

from stage_graph import receiver, serve

__all__ = ["receiver", "serve"]
