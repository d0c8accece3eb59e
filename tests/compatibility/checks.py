"""Every check, by the kind of server and by the feature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from compatibility import (
    everything_asking,
    everything_calls,
    everything_data,
    filesystem,
    sdk_asking,
    sdk_calls,
    sdk_data,
)
from compatibility.case import Case

__all__ = ["CHECKS"]

CHECKS: Final[Mapping[str, Mapping[str, Callable[[Case], None]]]] = {
    "sdk": {**sdk_calls.CHECKS, **sdk_asking.CHECKS, **sdk_data.CHECKS},
    "everything": {
        **everything_calls.CHECKS,
        **everything_asking.CHECKS,
        **everything_data.CHECKS,
    },
    "filesystem": filesystem.CHECKS,
}
"""By ``Peer.checks`` and by the keys of ``FEATURES``."""
