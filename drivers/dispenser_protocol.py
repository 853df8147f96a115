"""The conversation with a dispenser, over whatever carries its frames.

Hello, clock, the records from the first that was not yet fetched, then whatever it sends as it
happens. A record is acknowledged after its commit, and only if all before it were; from then on the
device may forget it. Last the clock is set, where it is wrong. docs/dispenser-protocol.md is the
protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from drivers.conversation import Ended, Listen, Script, Silence
from drivers.dispenser_frame import HEAD, START, TAIL, build, check
from drivers.dispenser_hello import pack_time, read_clock, read_hello
from drivers.dispenser_record import RECORD, decode
from drivers.errors import DecodeError, LinkLost, UnexpectedReply
from drivers.reader import Reader
from drivers.spi import (
    Battery,
    Bookmark,
    ClockRead,
    ClockSet,
    DeviceEvent,
    Frame,
    Item,
    Metric,
    Origin,
    Undecodable,
)

VERSION = 1
HELLO, READ_CLOCK, SET_CLOCK, FETCH, STORED, REFUSED = 0x01, 0x02, 0x03, 0x04, 0x05, 0x8F
ANSWER = 0x80
COMMANDS = tuple(  # start, length and type of all that is ever written
    bytes((START, size, kind))
    for kind, size in ((HELLO, 1), (READ_CLOCK, 0), (SET_CLOCK, 7), (FETCH, 8), (STORED, 8))
)
METRICS = (Metric.MDC_AI_MED_DISPENSED_FIXED, Metric.MDC_AI_MED_STATUS)
DEVICES = ("any dispenser that speaks docs/dispenser-protocol.md",)
NO_SUCH_RECORD = 2
FULL = 100  # percent; above stands what is not known
TOGETHER = 16  # records that are acknowledged as one
MOST_STRANGE = 8
MOST_REPEATS = 64  # records that come by themselves and are not new
MOST_AHEAD = 1000  # records that one sent by itself may be ahead of those that were known of
TOLERANCE = timedelta(seconds=30)
UUID = "7d1a{:04x}-6c3b-4a9e-9f52-3b0c8e5d4a10"
SERVICE, TO_DEVICE, FROM_DEVICE = (UUID.format(number) for number in (1, 2, 3))


class Visit:
    """All that is said in one session; `run` is the script."""

    def __init__(
        self, source: str, name: str, bookmark: str, local_time: Callable[[], datetime | None]
    ) -> None:
        self._source = source
        self._name = name
        self._bookmark = bookmark
        self._local_time = local_time
        self._again = b""
        self._hello = b""
        self._store = b""  # as it is sent; empty before hello
        self._repeats = 0
        self._next = 0  # the first record that is not committed
        self._released = 0  # the first that is not acknowledged
        self._highest = 0  # the last that is known of
        self._shown: datetime | None = None
        self._old = 0  # the last as of hello: what is beyond has happened since

    def run(self) -> Script[None]:
        """Fetch, then hand on what happens; again from the start after it says hello by itself."""
        try:
            while True:
                yield from self._begin()
                yield from self._catch_up()
                yield from self._set_clock()
                while (frame := (yield from self._hear(Listen.ANYTHING)))[2] != HELLO | ANSWER:
                    yield from self._take(frame)
                    yield from self._catch_up()
        except Ended:
            pass

    def _begin(self) -> Script[None]:
        """Who it is, what it shows, where to go on: behind the bookmark, if it is of this store."""
        frame = yield from self._ask(HELLO, bytes((VERSION,)))
        self._hello = frame
        hello = read_hello(frame)
        if hello.version != VERSION:
            raise UnexpectedReply("version", frame)
        raw = Frame(self._source, frame)
        yield hello.information
        if hello.percent <= FULL:
            yield Battery(hello.percent, raw)
        clock = yield from self._ask(READ_CLOCK)
        self._shown = read_clock(clock)
        yield ClockRead(self._shown, Frame(self._source, clock))
        self._store = hello.store.to_bytes(4, "little")
        self._old = self._highest = hello.last
        store, _, number = self._bookmark.partition(":")
        after = int(number) + 1 if store == self._store.hex() else 0
        self._next = after if hello.first < after <= hello.last + 1 else hello.first
        # What an earlier session has stored is acknowledged again: it may have gone unheard.
        self._released = hello.first
        if 0 < after < hello.first:
            yield DeviceEvent("records-lost", (raw,), facts={"from": after, "to": hello.first - 1})

    def _catch_up(self) -> Script[None]:
        """Fetch up to the highest record, and let the device forget what is committed."""
        while self._next <= self._highest or self._released < self._next:
            if self._next <= self._highest:
                yield from self._fetch_record()
            if self._next - self._released >= TOGETHER or self._next > self._highest:
                done = self._next
                bookmark = f"{self._store.hex()}:{done - 1}"
                if bookmark != self._bookmark:
                    yield Bookmark(bookmark)
                self._bookmark = bookmark
                yield from self._ask(STORED, self._place(done - 1))
                self._released = done

    def _fetch_record(self) -> Script[None]:
        wanted = self._next
        answer = yield from self._ask(FETCH, self._place(wanted))
        if answer[2] == RECORD:
            self._next = wanted + 1
            yield from self._hand_on(answer, Origin.STORED)
            return
        reader = Reader(answer[HEAD:-TAIL])
        code, following = reader.uint(1), reader.uint(4)
        if code != NO_SUCH_RECORD or not wanted < following <= self._highest + 1:
            raise UnexpectedReply(f"record {wanted}", answer)
        self._next = following  # its memory is a ring, and was full
        facts = {"from": wanted, "to": following - 1}
        yield DeviceEvent("records-lost", (Frame(self._source, answer),), facts=facts)

    def _set_clock(self) -> Script[None]:
        now = self._local_time()
        if now is None or (self._shown and abs(now - self._shown) <= TOLERANCE):
            return
        answer = yield from self._ask(SET_CLOCK, pack_time(now))
        yield ClockSet(now.replace(microsecond=0), Frame(self._source, answer))

    def _ask(self, kind: int, body: bytes = b"") -> Script[bytes]:
        """The answer. Raises UnexpectedReply, and LinkLost where there is none."""
        self._again = build(kind, body)
        yield self._again
        strange = 0
        while strange < MOST_STRANGE:
            frame = yield from self._hear(Listen.ANSWER)
            if kind == FETCH and frame[2] == RECORD and frame[HEAD : HEAD + len(body)] == body:
                return frame
            if frame[2] == RECORD:
                yield from self._take(frame)
            elif frame[2] == kind | ANSWER or (frame[2] == REFUSED and kind == FETCH):
                return frame
            elif frame[2] == REFUSED or (frame[2] == HELLO | ANSWER and frame != self._hello):
                break  # it does not know the question, or has started anew
            else:
                strange += 1
        raise UnexpectedReply(f"type {kind:02x}", frame)

    def _ask_again(self, silence: Silence) -> Script[None]:
        """Once: each answer tells what it answers. Raises LinkLost."""
        again, self._again = self._again, b""
        if not again or silence is Silence.STALLED:
            raise LinkLost(self._name)
        yield again

    def _hear(self, listen: Listen) -> Script[bytes]:
        while True:
            heard = yield listen
            if heard is None:
                raise Ended
            if isinstance(heard, Silence):
                if listen is Listen.ANSWER:
                    yield from self._ask_again(heard)
                continue
            try:
                check(heard)
            except DecodeError as error:
                yield Undecodable(error, (Frame(self._source, heard),))
            else:
                return heard

    def _take(self, frame: bytes) -> Script[None]:
        """A record that comes by itself: it is live if it is newer than all that hello told of.

        Before hello nothing is known of it. One that was sent before, or is of another store or
        ahead of others, is handed on as well: it is the same reading however often it comes.
        """
        if frame[2] != RECORD:
            return
        store, number = frame[HEAD : HEAD + 4], int.from_bytes(frame[HEAD + 4 : HEAD + 8], "little")
        is_new = bool(self._store) and store == self._store and number > self._old
        self._repeats += bool(self._store) and not is_new
        if self._repeats > MOST_REPEATS:
            raise UnexpectedReply("nothing", frame)
        yield from self._hand_on(frame, Origin.LIVE if is_new else Origin.UNKNOWN)
        if is_new and number == self._next:
            self._next += 1
            self._highest = max(self._highest, number)
        elif is_new and number <= self._highest + MOST_AHEAD:
            self._highest = max(self._highest, number)

    def _hand_on(self, frame: bytes, origin: Origin) -> Iterator[Item]:
        try:
            yield decode(frame, self._source, origin)
        except DecodeError as error:
            yield Undecodable(error, (Frame(self._source, frame),))

    def _place(self, number: int) -> bytes:
        return self._store + number.to_bytes(4, "little")
