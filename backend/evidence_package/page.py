"""`evidence.html`, which a person reads: what counted, and what did not and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.billing.reasons import WORDS
from backend.evidence_package.html import Page
from backend.utc import as_instant

Told = Mapping[str, Any]


def draw_page(told: Told) -> bytes:
    """The page, from the same values as the other files."""
    cover = told["cover"]
    page = Page(f"Evidence of remote monitoring: patient {cover['patient']}")
    _draw_cover(page, told)
    _draw_codes(page, told["verdict"])
    _draw_days(page, told["days"])
    _draw_readings(page, told["readings"])
    _draw_devices(page, told["devices"])
    _draw_facts(page, told)
    _draw_hubs(page, told["completeness"])
    page.heading("How this can be checked")
    page.paragraph(
        "The package that this page lies in holds every record as the hub sealed it, what opens it "
        "and all facts above. `vitalpost-backend verify FILE.zip` opens and decodes each record "
        "again, judges its time and all codes anew on a machine that has nothing else, and names "
        "any difference. docs/evidence.md says how to check it without us."
    )
    return page.close()


def _draw_cover(page: Page, told: Told) -> None:
    cover, verdict = told["cover"], told["verdict"]
    period, month = verdict["period"], verdict["month"]
    zones = [f"{row['zone']} from {row['since']}" for row in told["facts"]["zones"]["rows"]]
    said = {
        "Patient": cover["patient"],
        "Programme": told["facts"]["program"],
        "Biller": told["facts"]["biller"],
        "Payer": told["facts"]["payer"],
        "Period": period
        and f"{period['number']}: {period['first']} to {period['last']}, {period['zone']}",
        "Zones": zones,
        "Qualifying days": verdict["qualifying_days"],
        "Month": month and f"{month['first']} to {month['last']}",
        "Management minutes": verdict["management_minutes"],
        "Judged by what was known at": cover["as_of"],
        "Policy": verdict["policy"],
        "Rule sets (SHA-256)": verdict["rule_sets"],
        "Software": cover["software"],
        "Counted by": cover["made_by"],
        "Readings in this package": "those of the whole episode"
        if cover["scope"] == "episode"
        else "those that bear on the period and on where it begins",
    }
    page.table(("What", "As found"), said.items())


def _draw_codes(page: Page, verdict: Told) -> None:
    page.heading("Codes: billable or not, and why")
    codes = verdict["codes"]
    page.table(
        ("Code", "Result", "In words", "Row of the rules", "Rule set"),
        [
            (
                one["code"],
                f"blocked: {one['reason']}" if one["reason"] else f"billable, {one['units']}",
                WORDS_BY_NAME.get(one["reason"])
                or f"date of service {one['dos']}. {one['warning'] or ''}".strip(),
                one["row"],
                one["rule_set"],
            )
            for one in codes
        ],
        [not one["reason"] for one in codes],
    )
    if verdict["flags"]:
        page.paragraph(
            "Rules on which nobody has settled; another reading of each would give this:"
        )
        page.table(
            ("Open question", "With", "Qualifying days", "Billable"),
            [
                (
                    flag["ambiguities"],
                    f"{flag['switch']}={flag['value']}",
                    flag["qualifying_days"],
                    [f"{units} x {code}" for code, units, _ in flag["billable"]] or "no code",
                )
                for flag in verdict["flags"]
            ],
        )


def _draw_days(page: Page, days: list[Told]) -> None:
    page.heading("The thirty days")
    page.table(
        ("Date", "Counted", "Readings", "First measured", "Not counted"),
        [
            (
                day["date"],
                day["counted"],
                len(day["readings"]),
                day["first_measured"] and day["first_measured"]["local"],
                [f"{count} x {WORDS_BY_NAME[why]}" for why, count in day["excluded"].items()],
            )
            for day in days
        ],
        [day["counted"] for day in days],
    )


def _draw_readings(page: Page, readings: list[Told]) -> None:
    page.heading("Readings that count")
    head = ("Reading", "Date", "Measured", "Received", "Device", "Live", "Clock", "Record")
    counted = [one for one in readings if one["counted_on"]]
    page.table(
        head,
        [
            (
                one["identity"],
                one["counted_on"],
                [at["local"] for at in one["measured"]],
                one["received"]["local"],
                one["device"],
                one["is_live"],
                one["judged"] and one["judged"]["method"],
                [f"{of['hub']} {of['kid'][:8]}… {of['sequence']}" for of in one["records"]],
            )
            for one in counted
        ],
    )
    page.heading("Readings that do not count, and why")
    page.table(
        ("Reading", "Measured", "Received", "Device", "Reason", "In words"),
        [
            (
                one["identity"],
                [at["local"] for at in one["measured"]],
                one["received"] and one["received"]["local"],
                one["device"],
                one["reason"],
                one["why"],
            )
            for one in readings
            if not one["counted_on"]
        ],
    )


def _draw_devices(page: Page, devices: list[Told]) -> None:
    page.heading("Devices, as their records tell")
    page.table(("Device", "What the records say"), [(of["device"], of["said"]) for of in devices])


def _draw_facts(page: Page, told: Told) -> None:
    stated = told["stated"]
    page.heading("What people stated")
    page.paragraph(
        "Each as it was entered, by whom, when and why. Nothing is changed: what was wrong is "
        "replaced by another entry, and both stand here."
    )
    replaced = {row["replaces"] for row in stated["fact"]}
    kinds = {row["kind"]: None for row in stated["fact"]}
    for kind in sorted(kinds, key=lambda kind: (_place(kind), kind)):
        rows = [row for row in stated["fact"] if row["kind"] == kind]
        names = sorted({name for row in rows for name in row["body"]})
        page.subheading(TITLES.get(kind, kind))
        page.table(
            (*names, "entered by", "on", "because", "entry", "corrects", "holds"),
            [
                (
                    *(row["body"].get(name) for name in names),
                    row["actor"],
                    tell_instant(row["at_ms"]),
                    row["cause"],
                    row["id"],
                    row["replaces"],
                    row["id"] not in replaced,
                )
                for row in rows
            ],
        )
    page.heading("The same facts, as the rules were asked with them")
    facts = told["facts"]
    page.table(("Fact", "Value"), [(name, facts[name]) for name in sorted(facts)])
    for name in ("rule_set", "rule_signature"):
        if stated[name]:
            page.heading(f"Rules that came later: {name.replace('_', ' ')}")
            shown = [column for column in stated[name][0] if column != "body"]
            page.table(shown, [[row[column] for column in shown] for row in stated[name]])


def _place(kind: str) -> int:
    return list(TITLES).index(kind) if kind in TITLES else len(TITLES)


def tell_instant(ms: int) -> str:
    """An instant in UTC, to the second."""
    return as_instant(ms).isoformat(timespec="seconds")


def _draw_hubs(page: Page, epochs: list[Told]) -> None:
    page.heading("How complete the records are")
    page.paragraph(
        "Each epoch is a row of sealed records that a hub numbered without a gap. Its chain is the "
        "hub's signed word for the bytes of all of them."
    )
    page.table(
        ("Hub", "Epoch", "State", "Records", "Last", "Gaps", "Chain", "Not in this package"),
        [
            (
                of["hub"],
                of["kid"],
                of["state"],
                of["records"],
                of["last_sequence"],
                of["gaps"],
                of["chain"],
                [f"{first} to {last}" for first, last in of["withheld"]],
            )
            for of in epochs
        ],
    )


TITLES = {
    "episode": "Episode",
    "order": "Order",
    "relationship": "Relationship: the visit that makes an established patient",
    "plan": "Treatment plan",
    "consent": "Consent",
    "revocation": "Revocation of consent",
    "setup": "Set-up and education",
    "device": "Devices, and why each is a medical device",
    "practitioner": "Practitioners",
    "note": "Monthly note",
    "time": "Time log",
    "other-time": "Time that went to other care-management services",
    "payer": "Exclusivity: payer",
    "other-program": "Exclusivity: the other programme",
    "election": "Exclusivity: the programme that was elected",
    "other-claim": "Exclusivity: claims of other practitioners",
    "own-claim": "Claims of this practice",
    "global-period": "Exclusivity: global surgical periods",
    "alignment": "Exclusivity: the ACCESS model",
    "stay": "Exclusivity: stays in hospital",
    "lock": "Locks of claims",
    "entry": "Data that were typed or told",
    "patient": "Where the patient lives",
}
WORDS_BY_NAME: Mapping[str | None, str] = {str(reason): words for reason, words in WORDS.items()}
