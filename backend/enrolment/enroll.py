"""Enrolment: a hub's request becomes its certificate, and its device a patient's."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import msgspec
from sqlalchemy import Connection, insert, select, update

from backend.dating.judging import ENROLMENT, judge_again
from backend.devices import enter_device
from backend.enrolment.membership import load_member
from backend.enrolment.renewal import certify
from backend.errors import EnrolmentRefused
from backend.facts.assignments import Assignment, load_assignments, load_zones
from backend.feed import tell_of_patient
from backend.keys.certificates import Authority, PublicKey, read_request
from backend.keys.folder import load_receipt_publics, load_sealing_keys, load_trust
from backend.naming import identity_bytes
from backend.tables import assignment, hub, hub_key, patient, patient_zone, reading
from uplink.errors import SealError
from uplink.keys import verify
from uplink.wire import HUB_ID

FORMAT = 1
PROOF = b"vitalpost enrol 1\0"
RENEWAL = b"vitalpost renew 1\0"
_AT_ONCE = 1_000

_NEW_ID = "Give a new hub an id of its own in gateway.toml, and make its request again."
_ASK_AGAIN = "Make the request again on the hub: `vitalpost provision request`."


class _Request(msgspec.Struct, frozen=True):
    format: int
    hub: str
    csr: str
    sign_key: str
    proof: str
    former_key: str = ""
    former_proof: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What a hub asks for, its proofs verified: a certificate, and to be known by its key.

    `former_key` is another one that vouches for it, which the hub must be known by already.
    """

    hub: str
    sign_key: bytes
    tls_key: PublicKey
    former_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Monitoring:
    """A device, or one user slot of it, measures for a patient in a zone from a local date on."""

    patient: str
    zone: str
    identity: tuple[str, str, str] | bytes
    slot: int | None
    from_date: date


def read(data: bytes) -> Request:
    """The request in the file that the hub made. Raises EnrolmentRefused."""
    try:
        request = msgspec.json.decode(data, type=_Request)
        sign_key = b64decode(request.sign_key, validate=True)
        proof = b64decode(request.proof, validate=True)
        former_key = b64decode(request.former_key, validate=True)
        former_proof = b64decode(request.former_proof, validate=True)
        name, tls_key = read_request(request.csr)
    except (msgspec.MsgspecError, ValueError) as error:
        raise EnrolmentRefused(f"the request cannot be read: {error}", _ASK_AGAIN) from error
    if request.format != FORMAT:
        raise EnrolmentRefused(
            f"the request has format {request.format}, this version knows {FORMAT}",
            "Install the same version on hub and backend.",
        )
    if not HUB_ID.fullmatch(request.hub) or name != request.hub:
        raise EnrolmentRefused("the request and its certificate name no one hub", _ASK_AGAIN)
    asked = request.hub.encode() + b"\0" + request.csr.encode()
    try:
        verify(sign_key, PROOF + asked, proof)
        if former_key:
            verify(former_key, RENEWAL + sign_key + asked, former_proof)
    except SealError as error:
        raise EnrolmentRefused(f"the request is not the hub's own: {error}", _ASK_AGAIN) from error
    return Request(request.hub, sign_key, tls_key, former_key or None)


def answer(keys: Path, request: Request, certificate: str, now_ms: int) -> Mapping[str, Any]:
    """What `vitalpost provision install` takes to the hub. Raises KeyUnusable."""
    return {
        "format": FORMAT,
        "hub": request.hub,
        "utc_ms": now_ms,
        "sign_key": b64encode(request.sign_key).decode(),
        "certificate": certificate,
        "broker_ca": load_trust(keys),
        "hpke": [
            {"suite": key.suite, "key": b64encode(key.data).decode()}
            for key in load_sealing_keys(keys)
        ],
        "receipt": [b64encode(key).decode() for key in load_receipt_publics(keys)],
    }


def enter_hub(connection: Connection, authority: Authority, request: Request, now_ms: int) -> str:
    """Enter the hub, or its new key; return its certificate, the same one for the same keys.

    A certificate of which less than a third is left is renewed.
    """
    known = load_member(connection, request.hub)
    if known is None:
        row = {"id": request.hub, "sign_key": request.sign_key, "enrolled_ms": now_ms}
        connection.execute(insert(hub).values(row | {"certificate": ""}))
    elif known.revoked_ms is not None:
        raise EnrolmentRefused(f"hub {request.hub} was revoked", _NEW_ID)
    elif request.sign_key not in known.sign_keys:
        if request.former_key not in known.sign_keys:
            raise EnrolmentRefused(f"hub {request.hub} is enrolled with another key", _NEW_ID)
        row = {"hub": request.hub, "sign_key": request.sign_key, "added_ms": now_ms}
        connection.execute(insert(hub_key).values(row))
    return certify(connection, authority, request.hub, request.tls_key, now_ms)


def enter_monitoring(
    connection: Connection, begun: Monitoring, now_ms: int, *, reassign: bool = False
) -> None:
    """Enter patient, zone, device and assignment, as far as they are new.

    Readings that came before are judged again: an assignment says from when they can be.
    """
    _enter_zone(connection, begun)
    device = enter_device(connection, identity_bytes(begun.identity))
    given = load_assignments(connection, [device])
    mine = [a for a in given if a.slot == begun.slot and a.patient == begun.patient]
    if any(a.covers(begun.from_date) for a in mine):
        return
    for other in given:
        if other.patient != begun.patient and _overlaps(other, begun):
            if not reassign or other.from_date >= begun.from_date:
                raise EnrolmentRefused(
                    f"the device is assigned to patient {other.patient!r} from {other.from_date}",
                    "Enroll each person with a --slot, or use --reassign if it was handed on.",
                )
            connection.execute(
                update(assignment)
                .where(assignment.c.id == other.id)
                .values(to_date=begun.from_date)
            )
    row = {"device": device, "slot": begun.slot, "patient": begun.patient}
    connection.execute(insert(assignment).values(row | {"from_date": begun.from_date}))
    readings = connection.scalars(select(reading.c.id).where(reading.c.device == device)).all()
    for first in range(0, len(readings), _AT_ONCE):
        some = readings[first : first + _AT_ONCE]
        judge_again(connection, dict.fromkeys(some, ENROLMENT), now_ms)


def _enter_zone(connection: Connection, begun: Monitoring) -> None:
    if begun.zone not in available_timezones():
        raise EnrolmentRefused(
            f"{begun.zone!r} is no zone of the IANA database", "Use a name like America/New_York."
        )
    zones = load_zones(connection, begun.patient)
    if not zones.rows:
        if connection.scalar(select(patient.c.id).where(patient.c.id == begun.patient)) is None:
            connection.execute(insert(patient).values(id=begun.patient))
    elif zones.on(begun.from_date).key == begun.zone:
        return
    elif begun.from_date <= zones.rows[-1][0]:
        since, zone = zones.rows[-1]
        raise EnrolmentRefused(
            f"patient {begun.patient!r} lives in {zone.key} from {since}",
            "A move is enrolled from its own, later date.",
        )
    connection.execute(
        insert(patient_zone).values(
            patient=begun.patient, zone=begun.zone, from_date=begun.from_date
        )
    )
    tell_of_patient(connection, begun.patient)


def _overlaps(given: Assignment, begun: Monitoring) -> bool:
    same = given.slot is None or begun.slot is None or given.slot == begun.slot
    return same and (given.to_date is None or begun.from_date < given.to_date)
