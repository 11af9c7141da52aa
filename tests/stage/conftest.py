"""Fixtures of the stage tests."""

from stage_graph import graph, receiver, serve

__all__ = ["graph", "receiver", "serve"]
