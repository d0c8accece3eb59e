"""For tests of code that uses mcp_sync: rude peers and a TCP fault proxy, all on loopback.

Nothing here needs pytest.
"""

from __future__ import annotations

from .fault_proxy import ConnectionCounts, FaultProxy
from .peers import PeerConnection, RawPeer, WebSocketConnection, WebSocketPeer
from .wire import Frame, UpgradeRequest, encode_frame

__all__ = [
    "ConnectionCounts",
    "FaultProxy",
    "Frame",
    "PeerConnection",
    "RawPeer",
    "UpgradeRequest",
    "WebSocketConnection",
    "WebSocketPeer",
    "encode_frame",
]
