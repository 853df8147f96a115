"""The way to the office, step by step: signal, name, TLS, broker, and a round trip to a receipt."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from gateway.doctor.finding import Finding, Term, fail, ok, warn
from gateway.doctor.site import AS_HUB, Site
from uplink.errors import BrokerRefused, BrokerUnreachable
from uplink.mqtt import Broker, Connection
from uplink.tls import tls_context

CONNECT_S = 4.0
ROUND_TRIP_S = 15.0
OUTCOMES = {
    "rejected": ("the office does not take it", "Compare keys and enrolment at the office."),
    "waiting": ("no receipt has come", "Is the backend running? Readings are kept meanwhile."),
    "not-connected": ("no broker is reached", "Mend what fails above; readings are kept."),
}
CHECK_NETWORK = "Check cable, Wi-Fi or SIM, and [broker] host."
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
