"""What people state of the patient of an office, so that codes can be billed."""

from backend.facts.entry import enter, parse
from tests.backend.office import CUFF, PATIENT, ZONE

CUFF_NAME = "/".join(CUFF)


def told(kind, patient=PATIENT, replaces="", cause="the set-up visit", **body):
    """A line as a file has it. `from` is spelt `since`, `to` is spelt `until`."""
    names = {"since": "from", "until": "to", "kind_": "kind"}
    body = {names.get(name, name): value for name, value in body.items()}
    line = {"patient": patient, "kind": kind, "body": body, "by": "nurse-1", "because": cause}
    return line | ({"replaces": replaces} if replaces else {})


def state(office, *lines):
    """Enter these lines."""
    statements = [parse(number, line) for number, line in enumerate(lines, 1)]
    with office.ledger.writing() as connection:
        return enter(connection, statements, office.now_ms)


def papers(on="2026-03-01", program="RPM", **episode):
    """All that makes a patient's readings count and the codes billable."""
    return [
        told("episode", program=program, start=on, condition="I10", **episode),
        told("order", on=on),
        told("consent", on=on, method="verbal"),
        told("setup", on=on, educated=True),
        told("relationship", on=on),
        told("plan", on=on),
        told("practitioner", npi="1000000001", role="biller", profession="MD", zone=ZONE),
        told("payer", name="medicare_part_b"),
        told("device", device=CUFF_NAME, kind_="blood_pressure", k510="K000000"),
    ]


def call(start, stop, **rest):
    """A phone call with the patient."""
    who = {"person": "ma-1", "credential": "RN", "activity": "management"}
    how = {"live": True, "modality": "phone", "party": "patient"}
    return told("time", **({"start": start, "stop": stop} | who | how | rest))
