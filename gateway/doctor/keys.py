"""The hub's keys: whether they are there, how long its certificate holds, whether they seal."""

from __future__ import annotations

import time
from secrets import token_bytes

from gateway.doctor.finding import Finding, fail, ok, warn
from gateway.doctor.site import Site
from gateway.errors import ConfigErrors
from gateway.identity.certificates import as_der, ends_at
from uplink.keys import DATA_KEY_BYTES, DataKey
from uplink.records import EpochStart
from uplink.seal import open_epoch, verify_key_record
from uplink.wire import KID_BYTES

DAY_S = 86_400
FEW_DAYS = 30
RENEW = "Let the hub reach the office, which renews it; else `vitalpost provision request`."


def look_at_credentials(site: Site) -> Finding:
    """Whether each file is there, readable and as it was installed."""
    try:
        held = site.credentials_read
    except ConfigErrors as error:
        first = error.faults[0]
        return fail("{0}: found {1}", "{2}", first.path, first.found, first.hint)
    return ok("all keys are there; {0} of the office to seal to", len(held.sealing_keys))


def look_at_certificate(site: Site) -> Finding:
    """How many days the hub's certificate holds."""
    held = site.credentials
    ends = ends_at(as_der(held.tls_certificate.read_text("utf-8"))[0])
    days = int((ends.timestamp() - time.time()) // DAY_S)
    if days < 0:
        return fail("it ended {0} days ago", RENEW, -days)
    if days < FEW_DAYS:
        return warn("it holds for {0} days more", RENEW, days)
    return ok("it holds for {0} days more", days)


def look_at_sealing(site: Site) -> Finding:
    """Whether what is sealed with a key of this moment opens again, and the hub can sign.

    The office's private key is at the office: that it opens what is sealed to it shows in the round
    trip alone.
    """
    held = site.credentials
    hub = site.settings.hub
    key = DataKey(hub.id, token_bytes(KID_BYTES), token_bytes(DATA_KEY_BYTES), token_bytes(12))
    plain = token_bytes(100)
    sealing_key = held.sealing_key(hub.suite)
    start = EpochStart(bytes(16), 0, 0, 0, "")
    _, key_record = open_epoch(hub.id, held.signer, sealing_key, start)
    verify_key_record(key_record, held.signer.public())
    if key.open(1, key.seal(1, plain)) != plain:
        return fail("what was sealed does not open", "Replace this hub: its memory or card is bad.")
    return ok("what is sealed opens, and is signed")
