"""What the errors of TLS say, for those who cannot know whether there is TLS.

None of it loads ``ssl``, which plain links do without: where it is not loaded, no error is its.
"""

from __future__ import annotations

import sys
from types import ModuleType

from ..errors import MCPConnectionRejected
from .readiness import POLLIN, POLLOUT

__all__ = ["describe_tls_error", "tls_alert", "wanted_events"]

# What a server's TLS alert says of our certificate (RFC 8446, 6.2), as OpenSSL names it.
_CERTIFICATE_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNSUPPORTED_CERTIFICATE",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA",
    "ACCESS_DENIED",
)


def wanted_events(error: OSError) -> int:
    """What TLS waits for, as events of poll(2), before it can get on; 0 for any other error."""
    ssl = _ssl_if_loaded()
    if ssl is None:
        return 0
    if isinstance(error, ssl.SSLWantReadError):
        return POLLIN
    return POLLOUT if isinstance(error, ssl.SSLWantWriteError) else 0


def describe_tls_error(error: OSError) -> str | None:
    """An error of TLS in words; None for any other error."""
    ssl = _ssl_if_loaded()
    if ssl is None or not isinstance(error, ssl.SSLError):
        return None
    if isinstance(error, ssl.SSLEOFError):
        return "the peer closed the connection"
    return f"TLS failed ({getattr(error, 'reason', None) or 'no reason given'})"


def tls_alert(error: BaseException, address: str) -> MCPConnectionRejected | None:
    """The rejection that a server's alert about our certificate means; None for other errors."""
    ssl = _ssl_if_loaded()
    reason = getattr(error, "reason", None)
    if ssl is not None and isinstance(error, ssl.SSLError) and isinstance(reason, str):
        for alert in _CERTIFICATE_ALERTS:
            if alert in reason:
                return MCPConnectionRejected(
                    f"{address} refused our TLS certificate or the lack of one ({reason}); "
                    "load the client certificate it asks for into the SSL context",
                    tls_reason=reason,
                )
    return None


def _ssl_if_loaded() -> ModuleType | None:
    if "ssl" not in sys.modules:
        return None
    # Imported, not taken: another thread may be in the middle of loading it.
    import ssl  # noqa: PLC0415 - see above

    return ssl
