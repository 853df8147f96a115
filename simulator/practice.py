"""What a practice states of the people of a script, so that their month can be judged.

An order, a spoken consent, a set-up with education, what each device is, and half an hour on the
telephone: everything that the rules of remote physiologic monitoring ask for beside readings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from simulator.kinds import identity
from simulator.script import Script

# By a script's kind of device: the kind of its data, as the billing rules name it.
PHYSIOLOGIC = {
    "ua-651ble": "blood_pressure",
    "shared-cuff": "blood_pressure",
    "clockless": "blood_pressure",
    "glucose-meter": "glucose",
    "nonin-ble": "spo2",
    "pulse-oximeter": "spo2",
    "scale": "weight",
    "thermometer": "temperature",
}
DATA = {**PHYSIOLOGIC, "dispenser": "pill_dispenser", "dispenser-ble": "pill_dispenser"}
BASIS = "K000000"  # stands for a 510(k) number
NPI = "1000000004"  # a placeholder
CALL_MINUTES = 25


def is_physiologic(kind: str) -> bool:
    """Whether a device's data count for remote physiologic monitoring; a dispenser's do not."""
    return kind in PHYSIOLOGIC


def state(script: Script) -> str:
    """The facts of all who live there, as JSON Lines."""
    return "".join(
        json.dumps({"patient": patient, "by": "practice", "because": "on file", **fact}) + "\n"
        for patient in script.patients
        for fact in _facts(script, patient)
    )


def _facts(script: Script, patient: str) -> Iterator[dict[str, Any]]:
    begun = script.starts.isoformat()
    call = script.instant(script.days // 2, "15:00")
    month = call.replace(tzinfo=None)
    stop = (call + timedelta(minutes=CALL_MINUTES)).isoformat()
    stated: list[tuple[str, dict[str, Any]]] = [
        ("episode", {"program": "RPM", "start": begun, "condition": "hypertension"}),
        ("order", {"on": begun}),
        ("consent", {"on": begun, "method": "verbal"}),
        ("setup", {"on": begun, "educated": True}),
        ("relationship", {"on": begun}),
        ("practitioner", {"npi": NPI, "role": "biller", "profession": "MD", "zone": script.zone}),
        ("payer", {"name": "medicare_part_b"}),
        ("election", {"program": "RPM"}),
        (
            "time",
            {
                "start": call.isoformat(),
                "stop": stop,
                "person": "nurse-1",
                "credential": "RN",
                "activity": "management",
                "live": True,
                "modality": "phone",
                "party": "patient",
            },
        ),
        (
            "note",
            {
                "month": f"{month:%Y-%m}",
                "why": "hypertension",
                "data": "home readings",
                "reviewed": "the month's readings",
                "contact": "one call",
                "changed": "nothing",
                "reviewer": "nurse-1",
            },
        ),
    ]
    yield from ({"kind": kind, "body": body} for kind, body in stated)
    for device in script.devices:
        data = DATA.get(device.kind)
        for slot, owner in device.slots:
            if owner == patient and data:
                name = "/".join(identity(device.kind, device.serial))
                body: dict[str, Any] = {"device": name, "kind": data, "k510": BASIS}
                yield {"kind": "device", "body": body | ({"slot": slot} if slot else {})}
