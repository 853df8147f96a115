"""Counts the days on which something was measured, in what consume.py has kept.

    python count.py KEYS ZONE START REQUEST...

Prints each local date of ZONE, from START on, with its number of distinct readings. A reading whose
date is not certain is held, not counted.
"""

import sys
from collections import Counter, defaultdict
from datetime import date, datetime, time
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import cbor2
from keep import FIND_KEY_RECORD, Office
from measured import find_date
from seals import unseal

READING, SERIES, DEVICE, CLOCK, EVENT, LIVE = 1, 2, 3, 4, 5, 1
Y2000_S = 946_684_800  # 2000-01-01 as if it were UTC: a device states no zone


def load(office):
    """Each record opened: (hub, kid, sequence), its stamp, and its fields by their keys.

    In the order of each hub's records, its epochs as their key records came.
    """
    told = office.db.execute("SELECT hub, kid FROM statement WHERE mark = 1 ORDER BY rowid")
    order = {of: n for n, of in enumerate(dict.fromkeys(told))}
    rows = office.db.execute("SELECT hub, kid, sequence, sealed FROM record").fetchall()
    for hub, kid, sequence, sealed in sorted(rows, key=lambda row: (order[row[:2]], row[2])):
        epoch = office.open(hub, *office.db.execute(FIND_KEY_RECORD, (hub, kid)).fetchone())
        boot, boottime, utc, quality = (epoch.says[key] for key in range(8, 12))
        yield (hub, kid, 0), ((hub, boot), boottime, utc, quality), {0: CLOCK}
        try:
            fields = cbor2.loads(unseal(epoch, sequence, sealed))
            since = fields[1]
            at = (boottime + since, utc + since + fields.get(2, 0), fields.get(3, quality))
        except (cbor2.CBORError, AttributeError, KeyError, TypeError, ValueError):
            continue  # the hub sealed it, and it is no record that this version can read
        yield (hub, kid, sequence), ((hub, boot), *at), fields


def count(records, zone, start):
    """The number of readings by local date; under None, how many are held."""
    records = list(records)
    devices, clocks, anchors = {}, defaultdict(list), set()
    for (hub, kid, _), stamp, fields in records:
        if fields.get(0) == DEVICE:
            devices[hub, kid, fields.get(4, 0)] = name_device(fields[10])
        elif fields.get(0) == CLOCK:
            anchors.add(stamp)
    readings = defaultdict(list)
    for (hub, kid, sequence), stamp, fields in records:
        kind = fields.get(0, READING)
        number = fields.get(4) if kind == EVENT else fields.get(4, 0)
        device = devices.get((hub, kid, number))
        if device is None:
            continue
        shown = int(fields[6] + Y2000_S) * 1000 if 6 in fields else None
        if kind in (READING, SERIES):
            is_named = kind == READING and 5 in fields and (6 in fields or 10 in fields)
            name = fields[5][1] if is_named else cbor2.dumps([hub, kid, sequence])
            reading_id = sha256(device + name).digest()[:16]
            is_live = fields.get(9, 0) % 4 == LIVE
            readings[reading_id, device].append((stamp, shown, is_live))
        elif kind == EVENT and fields[8] in ("clock-read", "clock-set") and shown is not None:
            clocks[device].append((stamp, fields.get(9), shown, fields[8] == "clock-set"))
    enrolled = int(datetime.combine(start, time(), zone).timestamp()) * 1000
    return Counter(
        find_date(sightings, clocks[device], anchors, zone, enrolled)
        for (_, device), sightings in readings.items()
    )


def name_device(identity):
    """A device as it names its readings: a random id, or CBOR [maker, model, serial]."""
    return identity if isinstance(identity, bytes) else cbor2.dumps(identity)


def main(keys, zone, start, *requests):
    """Print the days."""
    office = Office(Path(keys), [Path(request).read_text() for request in requests])
    start = date.fromisoformat(start)
    dates = count(load(office), ZoneInfo(zone), start)
    held = dates.pop(None, 0)
    for day in sorted(day for day in dates if day >= start):
        print(day, dates[day])
    print(f"{sum(day >= start for day in dates)} days; readings held: {held}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
