"""Headwater: scheduled dataflows from files to lake, identity graph and profiles.

Start with `headwater.model` (the words), then `headwater.flows` (what happens, step by step).
"""

from headwater.model.documents import Dataflow

__all__ = ["Dataflow"]
