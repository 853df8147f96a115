"""`vitalpost-backend days`."""

from __future__ import annotations

import argparse
import calendar
import json
from collections import Counter
from contextlib import suppress
from datetime import date

from backend.cli.parsing import parse_month
from backend.cli.reader import add_reader, note
from backend.clock import load_clock
from backend.config import load
from backend.errors import EpisodeUnknown
from backend.ledger import open_ledger
from backend.patients.days import Calendar, Day, Held, load_calendar
from backend.patients.grid import load_grid
from backend.patients.grid_view import COUNTED, EMPTY, EXCLUDED, draw_grid, grid_as_json
from backend.utc import as_instant

LEGEND = (
    f"{COUNTED} qualifying day   {EXCLUDED} readings, none of which counts   {EMPTY} no reading"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `PATIENT [--month YYYY-MM]`."""
    parser.add_argument("patient", metavar="PATIENT")
    parser.add_argument("--month", metavar="YYYY-MM", type=parse_month)
    add_reader(parser)


def run(args: argparse.Namespace) -> int:
    """Print the calendar, and the grid of periods and months where an episode is stated."""
    settings = load(args.settings)
    as_of = as_instant(load_clock(settings.clock).utc_ns() // 1_000_000)
    ledger = open_ledger(settings)
    note(args, settings, ledger, args.patient, "days")
    with ledger.reading() as connection:
        found = load_calendar(connection, args.patient, args.month)
        grid = None
        with suppress(EpisodeUnknown):
            grid = load_grid(connection, args.patient, args.month, as_of)
    if args.json:
        print(json.dumps(_as_json(found) | {"grid": grid and grid_as_json(grid)}))
    else:
        print("\n".join([*_draw(found), *(["", *draw_grid(grid)] if grid else [])]))
    return 0


def _draw(found: Calendar) -> list[str]:
    days = {day.date: day for day in found.days}
    lines = [f"{found.patient}   {found.zone}", ""]
    weeks = calendar.Calendar(firstweekday=calendar.SUNDAY)
    for first in sorted({day.replace(day=1) for day in days}):
        lines.append(f"{first:%B %Y}".center(28).rstrip())
        lines.append("  Su  Mo  Tu  We  Th  Fr  Sa")
        for week in weeks.monthdatescalendar(first.year, first.month):
            cells = (_mark(d, days.get(d)) if d.month == first.month else "" for d in week)
            lines.append("".join(f"{cell:>4}" for cell in cells).rstrip())
        lines.append("")
    lines += [LEGEND, ""]
    for day in found.days:
        if day.excluded:
            lines.append(f"{day.date}   {day.readings} counted   {_tell(day.excluded)}")
    if lines[-1]:
        lines.append("")
    lines.append(f"qualifying days: {found.qualifying_days}")
    return lines


def _mark(at: date, day: Day | None) -> str:
    if day is None:
        return f"{at.day} "
    mark = COUNTED if day.is_counted else EXCLUDED if day.excluded else EMPTY
    return f"{at.day}{mark}"


def _tell(reasons: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))


def _as_json(found: Calendar) -> dict[str, object]:
    return {
        "patient": found.patient,
        "zone": found.zone,
        "days": [
            {
                "date": day.date.isoformat(),
                "counted": day.is_counted,
                "readings": day.readings,
                "reading_ids": [name.hex() for name in day.reading_ids],
                "excluded": [
                    {"reason": reason, "count": count}
                    for reason, count in sorted(day.excluded.items())
                ],
            }
            for day in found.days
        ],
        "qualifying_days": found.qualifying_days,
        "held": [_held_as_json(one) for one in found.held],
    }


def _held_as_json(one: Held) -> dict[str, object]:
    return {
        "reading": one.reading.hex(),
        "reason": one.reason,
        "detail": one.detail,
        "shown": one.shown.isoformat(),
        "candidates": [
            {"from": _instant(candidate.from_ms), "to": _instant(candidate.to_ms)}
            for candidate in one.candidates
        ],
    }


def _instant(ms: int) -> str:
    return as_instant(ms).isoformat(timespec="milliseconds")
