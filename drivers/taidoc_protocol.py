"""The conversation with a TaiDoc meter, over whatever carries its frames.

Model, serial number and clock, then the records from the newest on until one that was fetched
before; last the clock is set, where it is wrong. A cuff keeps those of up to four users apart.
A meter is woken by the first command and stays awake if a second follows within 10 s. It notifies
(0x54) that it is awake: after a measurement, or because it was asked; what was asked then is asked
again. No answer says which record it is for, so nothing is asked twice beside that: an answer that
came late would give one record the time of another.

Source: as drivers/taidoc_record.py
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from drivers.conversation import Ended, Heard, Listen, Script, Silence
from drivers.errors import DecodeError, LinkLost, UnexpectedReply
from drivers.spi import (
    Bookmark,
    ClockRead,
    ClockSet,
    DeviceInformation,
    Frame,
    Item,
    Metric,
    Origin,
    Reading,
    Undecodable,
)
from drivers.taidoc_frame import COMMAND, DATA, METER, build, pack_time, split, unpack_time
from drivers.taidoc_marks import Marks, digest
from drivers.taidoc_record import LATEST, MODEL, TIME, VALUE, Record, decode, find_kind

CLOCK, SET_CLOCK, SERIAL_END, SERIAL_START, COUNT, NOTIFY = 0x23, 0x33, 0x27, 0x28, 0x2B, 0x54
ASKED = (MODEL, SERIAL_END, SERIAL_START, CLOCK, COUNT, TIME, VALUE, LATEST, SET_CLOCK)
COMMANDS = tuple(build(command)[:2] for command in ASKED)  # all that is ever written
METRICS = (
    Metric.MDC_PULS_OXIM_PULS_RATE,
    Metric.MDC_PULS_RATE_NON_INV,
    Metric.MDC_PRESS_BLD_NONINV_SYS,
    Metric.MDC_PRESS_BLD_NONINV_DIA,
    Metric.MDC_PRESS_BLD_NONINV_MEAN,
    Metric.MDC_TEMP_BODY,
    Metric.MDC_PULS_OXIM_SAT_O2,
    Metric.MDC_CONC_GLU_GEN,
    Metric.MDC_CONC_HCT_GEN,
)
DEVICES = ("TaiDoc TD and FORA meters: blood pressure, glucose and other analytes, SpO2, fever",)
SHOWS_LATEST = {"8201", "8255"}  # oximeters that are asked for what they show
USERS = (1, 2, 3, 4)
MOST_RECORDS = 5000  # ten times what any of them keeps: a count above is a lie
MOST_STRANGE = 8
TOLERANCE = timedelta(minutes=2)  # a clock of whole minutes


class Visit:
    """All that is said in one session; `run` is the script."""

    def __init__(
        self, source: str, name: str, bookmark: str, local_time: Callable[[], datetime | None]
    ) -> None:
        self._source = source
        self._name = name
        self._marks = Marks(bookmark)
        self._local_time = local_time
        self._frames: deque[bytes] = deque()
        self._again = b""
        self._model = b""
        self._shown: datetime | None = None
        self._has_notified = False
        self._handed_on = 0
        self._time = b""  # of a record that nobody asked for, until its value comes
        self._waiting: list[Record] = []  # until the model, and what was asked, are known

    def run(self) -> Script[None]:
        """Fetch what is new; then again whenever the meter wakes, until it leaves."""
        in_vain = 0
        try:
            while in_vain < MOST_STRANGE:
                before = self._handed_on
                yield from self._fetch()
                in_vain = 0 if self._handed_on > before else in_vain + 1
                while (yield from self._next(Listen.ANYTHING))[COMMAND] != NOTIFY:
                    pass
                self._has_notified = True
        except Ended:
            yield from self._hand_on_waiting()
        else:
            raise UnexpectedReply("nothing", self._model)  # it wakes and wakes, with nothing new

    def _fetch(self) -> Script[None]:
        self._model = yield from self._ask(MODEL)
        yield from self._hand_on_waiting()
        kind = find_kind(self._model, "")
        if kind in SHOWS_LATEST:
            yield from self._hand_on(Record(b"", (yield from self._ask(LATEST))))
        end = yield from self._ask(SERIAL_END)
        start = yield from self._ask(SERIAL_START)
        serial = (start[DATA][::-1] + end[DATA][::-1]).hex().upper()
        yield DeviceInformation("TaiDoc", f"TD-{kind}", serial)
        clock = yield from self._ask(CLOCK)
        yield from self._read_clock(clock)
        newest: bytes | None = None
        for user in USERS if kind.startswith("3") else (0,):
            first = yield from self._fetch_user(user, newest)
            if first and first == newest:
                break  # it knows no users, and gives the same records for each
            newest = newest or first
        if bookmark := self._marks.changed():
            yield Bookmark(bookmark)
        yield from self._set_clock()

    def _fetch_user(self, user: int, known: bytes | None) -> Script[bytes | None]:
        """The user's newest record, after all that are new; only that one if it is `known`."""
        answer = yield from self._ask(COUNT, bytes((user, 0, 0, 0)))
        count = min(int.from_bytes(answer[2:4], "little"), MOST_RECORDS)
        digests: list[int] = []
        waiting: Record | None = None
        first: bytes | None = None
        for index in range(count):
            data = index.to_bytes(2, "little") + bytes((0, user))
            time = yield from self._ask(TIME, data)
            value = yield from self._ask(VALUE, data)
            record = Record(time, value, build(VALUE, data) if user else b"")
            if index == 0:
                first = time + value
                if first == known:
                    return first
            digests.append(digest(time + value))
            if self._marks.end_at(user, digests):
                waiting = None
                break
            if waiting:
                yield from self._hand_on(waiting, is_newest=index == 1)
            waiting = record
        if waiting:
            yield from self._hand_on(waiting, is_newest=len(digests) == 1)
        self._marks.note(user, digests)
        return first

    def _ask(self, command: int, data: bytes = bytes(4)) -> Script[bytes]:
        """The answer. Raises UnexpectedReply, and LinkLost where there is none."""
        request = build(command, data)
        self._again = request if command == MODEL else b""
        yield request
        for _ in range(MOST_STRANGE):
            frame = yield from self._next(Listen.ANSWER)
            while frame[COMMAND] in {TIME, VALUE} - {command} and command not in {TIME, VALUE}:
                yield from self._take(frame)
                frame = yield from self._next(Listen.ANSWER)
            if (frame[COMMAND], frame[-2]) == (command, METER):
                return frame
            if command in {TIME, VALUE} and frame[COMMAND] in {TIME, VALUE}:
                raise UnexpectedReply(f"command {command:02x}", frame)
            if frame[COMMAND] == NOTIFY:
                self._has_notified = True
                yield request
            else:
                yield from self._take(frame)
        raise UnexpectedReply(f"command {command:02x}", frame)

    def _ask_again(self, silence: Silence) -> Script[None]:
        """Only what wakes it. Raises LinkLost."""
        again, self._again = self._again, b""
        if not again or silence is Silence.STALLED:
            raise LinkLost(self._name)
        yield again

    def _next(self, listen: Listen) -> Script[bytes]:
        if listen is Listen.ANYTHING:
            yield from self._hand_on_waiting()
        while not self._frames:
            heard: Heard = yield listen
            if heard is None:
                raise Ended
            if isinstance(heard, Silence):
                if listen is Listen.ANSWER:
                    yield from self._ask_again(heard)
                continue
            try:
                self._frames += split(heard)
            except DecodeError as error:
                yield Undecodable(error, (Frame(self._source, heard),))
        return self._frames.popleft()

    def _take(self, frame: bytes) -> Script[None]:
        """What was not asked for."""
        command, time, self._time = frame[COMMAND], self._time, b""
        if frame[-2] != METER:
            if command == VALUE and self._waiting:
                self._waiting[-1] = self._waiting[-1]._replace(asked=frame)
            return
        if self._model:
            yield from self._hand_on_waiting()
        if command == TIME:
            self._time = frame
        elif command == CLOCK:
            yield from self._read_clock(frame)
        elif command == LATEST or (command == VALUE and time):
            self._waiting.append(Record(time if command == VALUE else b"", frame))

    def _read_clock(self, frame: bytes) -> Iterator[Item]:
        raw = Frame(self._source, frame)
        try:
            self._shown = unpack_time(frame)
        except DecodeError as error:
            yield Undecodable(error, (raw,))
        else:
            yield ClockRead(self._shown, raw)

    def _set_clock(self) -> Script[None]:
        now = self._local_time()
        if now is None or (self._shown and abs(now - self._shown) < TOLERANCE):
            return
        answer = yield from self._ask(SET_CLOCK, pack_time(now))
        yield ClockSet(now.replace(second=0, microsecond=0), Frame(self._source, answer))

    def _hand_on_waiting(self) -> Iterator[Item]:
        waiting, self._waiting = self._waiting, []
        for record in waiting:
            yield from self._hand_on(record, is_stored=False)

    def _hand_on(
        self, record: Record, *, is_newest: bool = False, is_stored: bool = True
    ) -> Iterator[Item]:
        raw = record.frames(self._source, self._model)
        self._handed_on += 1
        try:
            item = decode(b"".join(frame.data for frame in raw), self._name, self._source)
        except DecodeError as error:
            yield Undecodable(error, raw)
            return
        if isinstance(item, Reading) and record.time and is_stored:
            is_live = is_newest and self._has_notified and self._is_now(item.device_time)
            item = replace(item, origin=Origin.LIVE if is_live else Origin.STORED)
        yield item

    def _is_now(self, time: datetime | None) -> bool:
        """By the meter's own clock: it notifies when it wakes, measured or not."""
        return bool(time and self._shown and abs(self._shown - time) <= TOLERANCE)
