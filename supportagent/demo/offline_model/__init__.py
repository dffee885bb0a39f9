"""A deterministic stand-in for a language model. It says openly that it is a demo model."""

from .model import OfflineModel

__all__ = ["OfflineModel"]
