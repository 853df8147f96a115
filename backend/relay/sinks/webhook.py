"""A web address: one POST per page, acknowledged by any 2xx whose answer arrives whole.

No redirect is followed and no proxy is asked: readings go to the host that was named, or nowhere.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from contextlib import closing
from hashlib import sha256
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPSConnection,
    IncompleteRead,
)
from urllib.parse import urlsplit

from backend.errors import SinkFailed
from backend.relay.sinks import Page
from drivers.errors import Retry

TIMEOUT_S = 30.0
ANSWER_BYTES = 64 * 1024  # of an answer nobody reads more
CONTENT_TYPE = "application/x-ndjson"
CURSORS = "Vitalpost-Cursors"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
HEALS = {408, 425, 429}  # RFC 9110, 6585 and 8470: the same request may be sent again
NAME_BYTES = 8


class Webhook:
    """Posts to `url`; `token` is sent as a bearer's."""

    def __init__(self, url: str, token: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(check_url(url))
        assert parts.hostname
        # By its hash: an address may hold a secret, and the ledger's copies travel.
        self.name = f"webhook:{sha256(url.encode()).digest()[:NAME_BYTES].hex()}"
        self._is_tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        self._token = token
        self._timeout_s = timeout_s

    def write(self, page: Page) -> None:
        """Post them. Raises SinkFailed, with TECHNICIAN for an answer that does not heal."""
        headers = {"Content-Type": CONTENT_TYPE, CURSORS: f"{page.first}-{page.last}"}
        self.post(page.body(), headers)

    def post(self, told: bytes, headers: Mapping[str, str]) -> None:
        """Post anything. Raises SinkFailed."""
        headers = dict(headers)
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            with closing(self._connect()) as connection:
                connection.request("POST", self._target, told, headers)
                with connection.getresponse() as answer:
                    body = answer.read(ANSWER_BYTES)
                    if answer.length and len(body) < ANSWER_BYTES:
                        raise IncompleteRead(body, answer.length)
        except ssl.SSLCertVerificationError as error:
            hint = "Let the receiver show a certificate that this machine trusts for that host."
            what = f"{self._host}: {error.verify_message}"
            raise SinkFailed(what, Retry.TECHNICIAN, hint) from error
        except (OSError, HTTPException) as error:
            raise SinkFailed(f"{self._host}: {str(error) or type(error).__name__}") from error
        _check(self._host, answer.status)

    def _connect(self) -> HTTPConnection:
        if self._is_tls:
            context = ssl.create_default_context()
            return HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=context)
        return HTTPConnection(self._host, self._port, timeout=self._timeout_s)


def _check(host: str, status: int) -> None:
    if 200 <= status < 300:  # noqa: PLR2004  RFC 9110, 15.3: successful
        return
    what = f"{host}: answered {status}"
    if status >= 500 or status in HEALS:  # noqa: PLR2004  RFC 9110, 15.6: server error
        raise SinkFailed(what)
    hint = "Name the address that takes the readings: no redirect is followed."
    if status >= 400:  # noqa: PLR2004  RFC 9110, 15.5: client error
        hint = (
            "Let the receiver say in its log why it refuses; it is asked again every few minutes."
        )
    raise SinkFailed(what, Retry.TECHNICIAN, hint)


def check_url(url: str) -> str:
    """The address, if readings may be sent there. Raises ValueError."""
    parts = urlsplit(url)
    is_tls = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not parts.hostname or not is_tls or parts.username is not None or parts.fragment:
        raise ValueError("wanted https://HOST[:PORT]/PATH without a name, password or fragment")
    if parts.port == 0 or not re.fullmatch(r"[!-~]+", url):
        raise ValueError("wanted a port from 1 on, and all of it in printable ASCII")
    return url
