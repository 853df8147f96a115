"""What is new in a meter's memory, fetched through its Record Access Control Point."""

from __future__ import annotations

from collections.abc import AsyncIterator

from drivers import record_access
from drivers.errors import DriverError, UnexpectedReply
from drivers.glucose_memory import Place, Records
from drivers.record_access import UNABLE, Opcode, RequestRefused
from drivers.spi import Frame, GattLink, Item

COUNT = record_access.request(Opcode.REPORT_NUMBER_OF_RECORDS)
REPORT = record_access.request(Opcode.REPORT_RECORDS)


async def fetch(link: GattLink, frames: AsyncIterator[Frame]) -> AsyncIterator[Item]:
    """The records since the bookmark, that of the bookmark again, and then the new bookmark.

    All of them where the bookmark's record is not there any more or is another, where the meter
    has fewer records than it had or more than came, and where numbers may begin again: what comes
    twice is counted once, what is not asked for is lost. Where fewer come than the meter counts,
    or it breaks off, nothing that has not come is taken for fetched.
    Raises UnexpectedReply, RequestRefused, LinkError; DecodeError for an answer that is none.
    """
    memory = _Memory(link, frames, Place.parse(link.bookmark))
    async for item in memory.count():
        yield item
    if memory.total != 0:
        async for item in memory.report():
            yield item
    if (place := memory.place()) and place.bookmark().value != link.bookmark:
        yield place.bookmark()


class _Memory:
    """`total` is how many records the meter says it has; None where it does not say."""

    def __init__(self, link: GattLink, frames: AsyncIterator[Frame], known: Place | None) -> None:
        self.total: int | None = None
        self._link = link
        self._frames = frames
        self._known = known
        self._records = Records()
        self._is_reported = False

    async def count(self) -> AsyncIterator[Item]:
        """Ask for the number of records; what comes in its place is handed on."""
        try:
            async for item in self._ask(COUNT):
                yield item
        except RequestRefused as refused:
            if refused.outcome not in UNABLE:
                raise

    async def report(self) -> AsyncIterator[Item]:
        """What is new, if the memory is still that of the bookmark, or else all."""
        if self._is_reported:
            return
        known = self._known
        if known and not known.is_near_wrap() and not known.outnumbers(self.total):
            try:
                first = record_access.from_number(Opcode.REPORT_RECORDS, known.sequence)
                async for item in self._ask(first):
                    yield item
            except RequestRefused as refused:
                if refused.outcome not in UNABLE:
                    raise
            if self._goes_on_from(known):
                return
        self._known, self._records = None, Records()
        async for item in self._ask(REPORT):
            yield item
        if self._records.count < (self.total or 0):
            raise UnexpectedReply("the number of records", b"")

    def place(self) -> Place | None:
        """How far all is fetched now."""
        return self._records.newest(self._total_by_now() if self.total is None else self.total)

    async def _ask(self, asked: bytes) -> AsyncIterator[Item]:
        try:
            async for said in record_access.ask(self._link, self._frames, asked):
                if isinstance(said, Frame):
                    for item in self._records.take(said):
                        yield item
                else:
                    self.total = self.total if said.records is None else said.records
                    self._is_reported = said.request == Opcode.REPORT_RECORDS
        except DriverError:
            for item in self._records.release():
                yield item
            if place := self._reached():
                yield place.bookmark()
            raise
        for item in self._records.release():
            yield item

    def _goes_on_from(self, known: Place) -> bool:
        most = self._total_by_now()
        is_all = self.total is None or most is None or self.total <= most
        return self._records.holds(known) and is_all

    def _reached(self) -> Place | None:
        """How far a report came that broke off."""
        if self._known and not self._records.holds(self._known):
            return None
        return self._records.reached(self._total_by_now())

    def _total_by_now(self) -> int | None:
        """How many records have been fetched, in this session and before."""
        if self._known is None:
            return self._records.count
        before = self._known.total
        return None if before is None else before + self._records.count - 1
