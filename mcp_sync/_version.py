"""The version, in the one place that packaging, the package and its documentation read. Knows nothing else."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
