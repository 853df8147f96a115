"""The way to the office, step by step: signal, name, TLS, broker, and a round trip to a receipt."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time

from gateway.doctor.finding import Finding, Term, fail, ok, warn
from gateway.doctor.site import AS_HUB, Site
from uplink.errors import BrokerRefused, BrokerUnreachable
from uplink.mqtt import Broker, Connection, tls_context

DAY_S = 86_400
FEW_DAYS = 21
CONNECT_S = 4.0
ROUND_TRIP_S = 15.0
OUTCOMES = {
    "rejected": ("the office does not take it", "Compare keys and enrolment at the office."),
    "waiting": ("no receipt has come", "Is the backend running? Readings are kept meanwhile."),
    "not-connected": ("no broker is reached", "Mend what fails above; readings are kept."),
}
CHECK_NETWORK = "Check cable, Wi-Fi or SIM, and [broker] host."
CHECK_PORT = "Check [broker] port, and that no firewall is between."
CHECK_DATE = "Check this hub's date and certificate, and who issued the broker's."
RENEW_BROKER = "Have the office renew the broker's certificate (docs/keys.md)."
CHECK_MODEM = "`vitalpost status` says what the hub does about it, and what is left to do."
FEW_BARS = 2
NEAR_WINDOW = "Move the hub near a window, then check again."


def look_at_signal(site: Site) -> Finding:
    """How good the signal is, where a modem tells."""
    network = site.status.get("network")
    modem = network and network["modem"]
    if not network or not modem:
        return ok("there is no modem")
    if trouble := network["recovery"]["trouble"]:
        return fail("the modem is in trouble: {0}", CHECK_MODEM, Term(trouble))
    if network["bars"] is None:
        return warn("the modem hears nothing", NEAR_WINDOW)
    told = (Term(network["signal"]), network["bars"])
    if network["bars"] < FEW_BARS:
        return warn("{0}, {1} of 5 bars", NEAR_WINDOW, *told)
    return ok("{0}, {1} of 5 bars", *told)


def look_up_broker(site: Site) -> Finding:
    """Whether the broker's name is known."""
    host = site.settings.broker.host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return ok("{0} is an address: nothing to look up", host)
    try:
        found = {each[4][0] for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return fail("{0} is not found", CHECK_NETWORK, host)
    return ok("{0} has {1} addresses", host, len(found))


def look_at_tls(site: Site) -> Finding:
    """Whether the broker shows a certificate of its authority for its name, and for how long.

    No certificate of the hub's is shown, and no MQTT is spoken: a session that runs is left alone.
    """
    broker = site.settings.broker
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(site.credentials.broker_ca)
    except ssl.SSLError:
        return fail("there is no authority to know the broker by", CHECK_DATE)
    try:
        with (
            socket.create_connection((broker.host, broker.port), CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=broker.host) as tls,
        ):
            ends = tls.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return fail("its certificate is refused: {0}", CHECK_DATE, error.verify_message)
    except ssl.SSLError as error:
        return fail("no TLS 1.3: {0}", CHECK_PORT, Term(error.reason or "it ended"))
    except OSError as error:
        why = Term(error.strerror or "no answer in time")
        return fail("{0}:{1} is not reached: {2}", CHECK_PORT, broker.host, broker.port, why)
    days = int((ssl.cert_time_to_seconds(str(ends["notAfter"])) - time.time()) // DAY_S)
    if days < FEW_DAYS:
        return warn("{0}: its certificate holds for {1} days more", RENEW_BROKER, broker.host, days)
    return ok("{0}: its certificate holds for {1} days more", broker.host, days)


def look_at_broker(site: Site) -> Finding:
    """Whether the broker takes this hub: by what the running hub tells.

    A second session under the hub's id would end the first. So one is opened from here only where
    surely no hub runs.
    """
    if site.is_hub_away:
        return asyncio.run(_connect(site))
    uplink = site.status["uplink"]
    if uplink["refusal"]:
        return fail("it refuses records: {0}", "{1}", uplink["refusal"], _hint(site))
    if not uplink["connected"]:
        why = uplink["trouble"] or "not yet since the start"
        return fail("the hub is not connected: {0}", "{1}", why, _hint(site))
    return ok("the hub is connected")


def make_round_trip(site: Site) -> Finding:
    """Whether a record that the running hub makes comes back as the office's receipt."""
    if site.absence is not None and not site.is_hub_away:
        return warn("not made: the hub could not be asked", AS_HUB)
    if site.status_told is None:
        return fail("not made: no hub runs", "Start the hub: `systemctl start vitalpost`.")
    told = site.ask("round-trip", answer_s=ROUND_TRIP_S)
    if told["outcome"] in OUTCOMES:
        what, hint = OUTCOMES[told["outcome"]]
        return fail("{0}", hint, Term(what))
    return ok("the office has signed for a record of this moment, after {0} ms", told["took_ms"])


async def _connect(site: Site) -> Finding:
    settings, held = site.settings, site.credentials
    try:
        tls = tls_context(held.broker_ca, held.tls_certificate, held.tls_key)
        at, hub = settings.broker, settings.hub.id
        broker = Broker(at.host, at.port, hub, tls, connect_timeout_s=CONNECT_S)
        link = await Connection.open(broker, lambda _: None)
        await link.close()
    except (BrokerUnreachable, BrokerRefused) as error:
        return fail("it does not take this hub: {0}", "{1}", error, error.hint)
    return ok("it takes this hub, as was tried from here")


def _hint(site: Site) -> str:
    for each in site.status["problems"]:
        if "broker" in each["what"]:
            return str(each["hint"])
    return CHECK_NETWORK
