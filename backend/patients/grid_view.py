"""The grid of periods and months as lines that a person reads, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, zip_longest

from backend.billing.reasons import WORDS
from backend.patients.grid import Grid, GridDay, GridPeriod, Seam, Uncounted
from backend.patients.verdict_view import row_of

COUNTED, EXCLUDED, EMPTY = "*", "!", "."


def draw_grid(grid: Grid) -> Iterator[str]:
    """The periods to the left, the months to the right; then moves, seams and what came late."""
    heads = ["30-day periods", *map(_line, grid.periods)]
    months = ["minutes of months"]
    months += [f"{first:%Y-%m} {count:>5}" for first, count in grid.minutes.items()]
    width = max(map(len, heads)) + 3
    for left, right in zip_longest(heads, months, fillvalue=""):
        yield f"{left:<{width}}{right}".rstrip()
    for before, move in pairwise(grid.moves):
        yield f"moved on {move.since} from {before.zone} to {move.zone}"
    yield from map(_tell_seam, grid.seams)
    for one in grid.uncounted:
        if one.period is None:
            yield f"{row_of(one.reading)['measured']}  in no period, {one.reason}"
    if grid.late:
        yield "after the claim was locked came:"
        for one in grid.late:
            row = row_of(one.reading)
            measured, received = row["measured"] or one.shown, row["received"]
            yield f"  {measured}  period {one.period}, received {received}"


def grid_as_json(grid: Grid) -> dict[str, object]:
    """The same with every reading."""
    return {
        "periods": [
            {
                "number": one.period.number,
                "first": one.period.first.isoformat(),
                "last": one.period.last.isoformat(),
                "zone": str(one.period.zone),
                "qualifying_days": one.qualifying_days,
                "days": [
                    {
                        "date": day.date.isoformat(),
                        "readings": day.counted,
                        "excluded": {str(why): count for why, count in day.excluded.items()},
                    }
                    for day in one.days
                ],
            }
            for one in grid.periods
        ],
        "months": [
            {"month": f"{first:%Y-%m}", "minutes": count} for first, count in grid.minutes.items()
        ],
        "zones": [{"from": row.since.isoformat(), "zone": str(row.zone)} for row in grid.moves],
        "seams": [
            {
                "after": seam.after,
                "from": seam.begins.isoformat(),
                "to": seam.ends.isoformat(),
                "is_gap": seam.is_gap,
            }
            for seam in grid.seams
        ],
        "uncounted": [_as_row(one) for one in grid.uncounted],
        "late": [_as_row(one) for one in grid.late],
    }


def _as_row(one: Uncounted) -> dict[str, object]:
    said = {"reason": str(one.reason), "words": WORDS[one.reason]}
    return row_of(one.reading) | said | {"shown": one.shown.isoformat(), "period": one.period}


def _line(one: GridPeriod) -> str:
    marks = "".join(map(_mark, one.days))
    period = one.period
    left = Counter[str]()
    for day in one.days:
        left.update(day.excluded)
    reasons = ", ".join(f"{count} {why}" for why, count in sorted(left.items()))
    days = f"{one.qualifying_days:>2} days"
    return (
        f"{period.number:>3}  {period.first} to {period.last}  {marks}  {days}  {reasons}".rstrip()
    )


def _mark(day: GridDay) -> str:
    return COUNTED if day.counted else EXCLUDED if day.excluded else EMPTY


def _tell_seam(seam: Seam) -> str:
    hours = (seam.ends - seam.begins).total_seconds() / 3600
    whose = "belong to neither" if seam.is_gap else f"belong to period {seam.after}"
    begins = f"{seam.begins:%Y-%m-%d %H:%MZ}"
    return f"seam after period {seam.after}: {hours:g} hours from {begins} {whose}"
