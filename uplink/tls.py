"""TLS 1.3 to the broker, also where nobody knows what time it is.

While the machine's clock is synchronised OpenSSL checks the certificates' dates by it. While it is
not, it may be decades off, and the dates are checked by what is certain: it is later than some
instant. A chain of certificates is then good if there is a moment from there on at which all of it
holds; what had ended before is refused, whatever the clock shows.
"""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

USER_TIMEOUT_MS = 20_000
NO_CHECK_TIME = 0x200000  # openssl/x509_vfy.h: X509_V_FLAG_NO_CHECK_TIME, which ssl does not name


class Span(NamedTuple):
    """From when to when, in seconds since 1970; both ends included."""

    from_s: float
    to_s: float

    def meets(self, other: Span) -> bool:
        """Whether the two share an instant."""
        return max(self.from_s, other.from_s) <= min(self.to_s, other.to_s)


class Calendar(Protocol):
    """Who knows what time it is, and wants to hear of certificates that were good."""

    def present(self) -> Span:
        """When it can be now: one instant where the clock is to be trusted."""

    def accepted(self, chain: Span) -> None:
        """The broker was taken by a chain that holds in this span. Called in any thread."""


class MachineCalendar:
    """Believes the machine's clock."""

    def present(self) -> Span:
        """Now."""
        now = time.time()
        return Span(now, now)

    def accepted(self, chain: Span) -> None:
        """It tells nothing new."""


class ResumingContext(ssl.SSLContext):
    """Client side of TLS 1.3 that offers the broker its last session, which paho never does."""

    session: ssl.SSLSession | None = None
    calendar: Calendar = MachineCalendar()
    _chain: Span

    def wrap_socket(self, sock: socket.socket, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """A socket that has shaken hands and gives up a link that is silent for 20 s."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        kwargs["session"] = self.session
        present = self.calendar.present()
        if present.from_s == present.to_s:
            self.verify_flags &= ~NO_CHECK_TIME
        else:
            self.verify_flags |= NO_CHECK_TIME
        wrapped = super().wrap_socket(sock, *args, **kwargs)
        try:
            wrapped.do_handshake()
            self._check(wrapped, present)
        except OSError:
            wrapped.close()  # paho would leave it open
            raise
        return wrapped

    def _check(self, wrapped: ssl.SSLSocket, present: Span) -> None:
        # A session that is resumed shows no certificates: those with which it began must hold.
        if not wrapped.session_reused:
            self._chain = _read_chain(wrapped)
        chain = self._chain
        if chain.from_s > chain.to_s or not chain.meets(present):
            held = f"from {_day(chain.from_s)} to {_day(chain.to_s)}"
            raise ssl.SSLError(
                ssl.SSL_ERROR_SSL,
                f"the broker's certificates hold {held}, and it is {_day(present.from_s)} or later",
            )
        self.calendar.accepted(chain)


def tls_context(
    ca: Path, certificate: Path, key: Path, calendar: Calendar | None = None
) -> ResumingContext:
    """A context for one broker. Raises OSError and ssl.SSLError where a file is amiss."""
    context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(ca)
    context.load_cert_chain(certificate, key)
    context.calendar = calendar or context.calendar
    return context


def _read_chain(wrapped: ssl.SSLSocket) -> Span:
    """When all certificates hold by which the broker was verified, from its own to the root."""
    # Public since 3.13 only, and there as DER without its dates.
    handle: Any = getattr(wrapped, "_sslobj")  # noqa: B009  mypy knows no private name
    facts = [each.get_info() for each in handle.get_verified_chain()]
    return Span(
        max(ssl.cert_time_to_seconds(each["notBefore"]) for each in facts),
        min(ssl.cert_time_to_seconds(each["notAfter"]) for each in facts),
    )


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
