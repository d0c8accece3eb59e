"""Dialing with TLS: the handshake on a connected socket. Imported with the first wss link."""

from __future__ import annotations

import socket
import ssl

from ..errors import MCPConnectionError, MCPConnectionRejected, MCPError
from ..url import WebSocketUrl
from .dial import DialWait, describe_os_error
from .readiness import POLLIN
from .tls import TlsConnection
from .tls_errors import tls_alert

__all__ = ["start_tls"]


def start_tls(
    sock: socket.socket, url: WebSocketUrl, context: ssl.SSLContext | None, wait: DialWait
) -> TlsConnection:
    """Do the TLS handshake on a connected socket.

    Args:
        sock: connected and non-blocking; it is closed when this fails.
        url: whose host the certificate must name.
        context: None makes the default one, which verifies.
        wait: the dial's deadline and self-pipe.

    Raises:
        MCPConnectionRejected: a certificate was refused, by us or by the server.
        MCPConnectionError: it failed in a way that may pass.
        LinkDown: the transport was aborted meanwhile.
    """
    wait.step = "doing the TLS handshake"
    try:
        connection = TlsConnection(sock, context or ssl.create_default_context(), url.host)
        wait.perform(connection, connection.do_handshake, POLLIN)
    except BaseException as error:  # whatever it was, no descriptor may be left open
        sock.close()
        if isinstance(error, (OSError, ValueError)) and not isinstance(error, MCPError):
            raise _tls_error(error, wait) from error
        raise
    return connection


def _tls_error(error: OSError | ValueError, wait: DialWait) -> MCPConnectionError:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = str(error.verify_message)
        return MCPConnectionRejected(
            f"the TLS certificate of {wait.address} was refused: {reason}; trust its issuer in "
            "the SSL context, or dial the name the certificate was made for",
            tls_reason=reason,
        )
    return tls_alert(error, wait.address) or wait.failed(
        describe_os_error(error) if isinstance(error, OSError) else "TLS cannot be set up"
    )
