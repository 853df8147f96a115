"""Time judgements: what every clock said, and when that lets the reading have been measured."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from backend.dating.judge import Anchor, ClockFact, Delivered, Seen, judge, local_date
from tests.vectors.known import show

BOOT, OTHER_BOOT = bytes(16), bytes([1]) * 16
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NEW_YORK = "America/New_York"
LEAN = "for a rule that does not ask what else the device handed over"


def utc(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


BOOTED = utc(2026, 3, 1)


def naive(ms):
    return datetime.fromtimestamp(ms // 1000, UTC).replace(tzinfo=None)


def seen(at, device_time=None, *, live=False, quality=5, boot=BOOT):
    return Seen(boot, at - BOOTED, at if quality else 0, quality, device_time, int(live))


def clock(at, device_time, *, is_set=False, took=100, quality=5, boot=BOOT):
    since = at - BOOTED
    asked = None if took is None else since - took
    return ClockFact(boot, since, at if quality else 0, quality, device_time, asked, is_set)


def right(at, **more):
    """A read of a clock that shows UTC."""
    return clock(at, naive(at), **more)


def case(name, sightings, clocks=(), anchors=(), *, delivered=(), zone=NEW_YORK, **more):
    """One vector. `may_hold` says why a leaner rule may give no date here."""
    enrolled_ms = more.get("enrolled_ms", BOOTED)
    found = judge(sightings, clocks, anchors, enrolled_ms, delivered)
    date = local_date(found, ZoneInfo(zone))
    return {
        "name": name,
        "sightings": show(list(sightings)),
        "clock_facts": show(list(clocks)),
        "anchors": show(list(anchors)),
        "enrolled_ms": enrolled_ms,
        "delivered": show(list(delivered)),
        "zone": zone,
        "method": str(found.method),
        "candidates": [list(one) for one in found.candidates],
        "reason": found.reason,
        "date": date and date.isoformat(),
        **({"may_hold": LEAN} if more.get("is_lean") else {}),
    }


def times():
    at = utc(2026, 3, 3, 13)
    return [*_hub_clock(at), *_device_clock(at), *_without_a_clock(at), *_dates(at)]


def _hub_clock(at):
    anchor = Anchor(BOOT, at + HOUR - BOOTED, at + HOUR, 6)
    worse = Anchor(BOOT, at + 2 * HOUR - BOOTED, at + 2 * HOUR + 5_000, 14)
    foreign = Anchor(OTHER_BOOT, 0, at, 6)
    unsure = Anchor(BOOT, at - BOOTED, utc(1970, 1, 1), 0)
    reading = [seen(at, live=True, quality=0)]
    return [
        case("the hub had no clock, and no anchor of its boot has come", reading, (), [foreign]),
        case("an anchor without a synchronised clock places nothing", reading, (), [unsure]),
        case("an anchor of the same boot places it", reading, (), [foreign, unsure, anchor]),
        case("the anchor that leaves least doubt", reading, (), [worse, anchor]),
        case(
            "clock facts are placed by anchors as well",
            [seen(at, naive(at - MINUTE), quality=0)],
            [right(at - 500, quality=0)],
            [anchor],
        ),
    ]


def _device_clock(at):
    behind, ahead, day = timedelta(days=3333), timedelta(hours=26), timedelta(days=1)
    default, minute = datetime(2016, 1, 1), timedelta(minutes=1)  # noqa: DTZ001  a device's clock
    changed = [utc(2026, 3, 4, 13) + 11 * MINUTE, utc(2026, 3, 16, 13) + 11 * MINUTE]
    two_batteries = [right(utc(2026, 3, 2, 12))]
    for session in changed:
        two_batteries += [
            clock(session, default + 11 * minute),
            right(session + 500, is_set=True),
        ]
    second = [seen(utc(2026, 3, 16, 13, 12), default + 10 * minute)]
    first = Delivered(default + 10.5 * minute, utc(2026, 3, 4, 13, 12))
    repaired = [
        right(at - DAY),
        right(at - DAY + 500, is_set=True),
        clock(at + 20_000, naive(at + 20_000) - behind),
        right(at + 20_500, is_set=True),
    ]
    left_over = [
        clock(at - DAY + 30_000, naive(at - DAY + 30_000) + ahead),
        right(at - DAY + 30_500, is_set=True),
        right(at),
    ]
    jumped = [right(utc(2026, 3, 2, 13)), clock(utc(2026, 3, 6, 13), naive(utc(2026, 3, 4, 13)))]
    within = [right(utc(2026, 3, 2, 13)), clock(utc(2026, 3, 6, 13), naive(utc(2026, 3, 6, 12)))]
    late = utc(2026, 3, 6, 13)
    dark = clock(at + DAY, naive(at + 30 * MINUTE), quality=0, boot=OTHER_BOOT)
    return [
        case("a clock that is right", [seen(at + MINUTE, naive(at))], [right(at + MINUTE - 500)]),
        case(
            "a clock of another zone",
            [seen(at + MINUTE, naive(at - 5 * HOUR))],
            [clock(at + MINUTE - 500, naive(at + MINUTE - 500 - 5 * HOUR))],
        ),
        case(
            "nine years behind: the read before it was set tells",
            [seen(at + 21_000, naive(at) - behind)],
            repaired,
        ),
        case(
            "left over from before the clock was set: the old offset tells",
            [seen(at + 1000, naive(at - DAY) + ahead)],
            left_over,
        ),
        case(
            "it jumped unseen, and the dates differ",
            [seen(late, naive(utc(2026, 3, 3, 12)))],
            jumped,
        ),
        case(
            "it jumped unseen, and the date is the same",
            [seen(late, naive(utc(2026, 3, 3, 16)))],
            within,
        ),
        case(
            "a set whose asking was not noted",
            [seen(at, naive(at - MINUTE))],
            [right(at - HOUR, is_set=True, took=None)],
        ),
        case(
            "an old reading of a clock that is right",
            [seen(at, naive(utc(2017, 1, 16, 12)))],
            [right(at)],
        ),
        case(
            "a device time that fits nothing", [seen(at, naive(utc(2037, 1, 1)))], [right(at - 500)]
        ),
        case("a clock that nobody read", [seen(at, naive(at))]),
        case(
            "read in a boot without time, between two reads that disagree",
            [seen(at + 3 * DAY, naive(at + HOUR))],
            [right(at), dark, clock(at + 3 * DAY, naive(at))],
        ),
        case(
            "read in a boot without time, between two reads that agree",
            [seen(at + 3 * DAY, naive(at + HOUR))],
            [right(at), dark, right(at + 3 * DAY)],
        ),
        case(
            "read in a boot without time, before a set",
            [seen(at + 3 * DAY, naive(at + HOUR))],
            [right(at), dark, right(at + 3 * DAY, is_set=True)],
        ),
        case("two batteries, and not known what else came", second, two_batteries),
        case(
            "two batteries, and the first one's reading had come before",
            second,
            two_batteries,
            delivered=[first],
            is_lean=True,
        ),
        case(
            "from before the device was enrolled, or from today",
            [seen(at + 1_000, naive(at) - 40 * day)],
            [right(at - 60 * DAY), clock(at + 500, naive(at) - 40 * day)],
            enrolled_ms=at - 2 * DAY,
        ),
    ]


def _without_a_clock(at):
    return [
        case("live and without a device time", [seen(at, live=True)]),
        case(
            "live, with a device time that nobody checked", [seen(at, naive(at - HOUR), live=True)]
        ),
        case("perhaps from memory, and without a device time", [seen(at)]),
    ]


def _dates(at):
    midnight = int(datetime(2026, 3, 8, tzinfo=ZoneInfo(NEW_YORK)).timestamp() * 1000)
    around = [seen(midnight + MINUTE, live=True)]
    spring = int(datetime(2026, 3, 8, 3, 5, tzinfo=ZoneInfo(NEW_YORK)).timestamp() * 1000)
    again = [seen(at + MINUTE, naive(at)), seen(at + 5 * DAY, naive(at))]
    return [
        case("on either side of midnight", around),
        case("the same in a zone where it is no midnight", around, zone="America/Chicago"),
        case(
            "the night in which the clocks go forward",
            [seen(spring + 9_000, naive(spring))],
            [right(spring + 8_500)],
        ),
        case("a day that is tomorrow elsewhere", [seen(at, live=True)], zone="Pacific/Kiritimati"),
        case("sent again five days later", again, [right(at + MINUTE)]),
        case(
            "two sightings, the first without a clock",
            [
                seen(at - BOOTED + 5, naive(at), quality=0, boot=OTHER_BOOT),
                seen(at + MINUTE, naive(at)),
            ],
            [right(at + MINUTE - 500)],
        ),
    ]
