"""The broker's certificate, as it shows it to anybody who comes."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any

from gateway.doctor.finding import Finding, Term, fail, ok, warn
from gateway.doctor.machine import read_quality
from gateway.doctor.site import Site
from gateway.sentences import CLOCK_UNSURE

DAY_S = 86_400
FEW_DAYS = 21
CONNECT_S = 4.0
OF_DATES = {9, 10}  # openssl/x509_vfy.h: not valid yet, no longer valid
CHECK_PORT = "Check [broker] port, and that no firewall is between."
CHECK_DATE = "Check this hub's date and certificate, and who issued the broker's."
RENEW = "Have the office renew the broker's certificate (docs/keys.md)."


def look_at_tls(site: Site) -> Finding:
    """Whether the broker shows a certificate of its authority for its name, and for how long.

    No certificate of the hub's is shown, and no MQTT is spoken: a session that runs is left alone.
    """
    broker = site.settings.broker
    try:
        shown = _shake_hands(site)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in OF_DATES and not read_quality(site):
            return warn("its certificate does not hold by a clock that is not set", CLOCK_UNSURE)
        return fail("its certificate is refused: {0}", CHECK_DATE, error.verify_message)
    except ssl.SSLError as error:
        return fail("no TLS 1.3: {0}", CHECK_PORT, Term(error.reason or "it ended"))
    except OSError as error:
        why = Term(error.strerror or "no answer in time")
        return fail("{0}:{1} is not reached: {2}", CHECK_PORT, broker.host, broker.port, why)
    days = int((ssl.cert_time_to_seconds(str(shown["notAfter"])) - time.time()) // DAY_S)
    if days < FEW_DAYS:
        return warn("{0}: its certificate holds for {1} days more", RENEW, broker.host, days)
    return ok("{0}: its certificate holds for {1} days more", broker.host, days)


def _shake_hands(site: Site) -> Mapping[str, Any]:
    """What the broker's certificate says. Raises OSError and ssl.SSLError."""
    broker = site.settings.broker
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(site.credentials.broker_ca)
    with (
        socket.create_connection((broker.host, broker.port), CONNECT_S) as plain,
        context.wrap_socket(plain, server_hostname=broker.host) as tls,
    ):
        return tls.getpeercert() or {}
