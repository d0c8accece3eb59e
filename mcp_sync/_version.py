"""The version, in the one place that packaging, package and documentation read."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
