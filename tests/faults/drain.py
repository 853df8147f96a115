"""A hub that comes back with 80,000 readings, to an office whose workers do not live long."""

from __future__ import annotations

import asyncio
from functools import partial

from drivers.blood_pressure import decode
from drivers.spi import Frame
from gateway.clock import Moment, read_moment
from gateway.config import load_settings
from gateway.drafts import DeviceFacts, Place
from gateway.identity.credentials import load_credentials
from gateway.pipeline import ORIGINS
from gateway.recorder import Recorder
from tests.faults.cord import CLOCK, MEASUREMENT, AcknowledgingCuff
from tests.faults.rig import Hub, Rig
from tests.faults.run import Result, Run, conclude
from tests.faults.ward import Meter
from uplink.journal import JournalFile
from uplink.outbox import Outbox
from uplink.records import EventRecord, ObservationFact, ReadingRecord
from uplink.seal import open_epoch, sign_statement
from uplink.witness import Witness

BATCH = 100
MONTHS_NS = 60 * 86_400 * 1_000_000_000
WORKERS = 4  # each lives long enough for a transaction
EVERY_S = 0.4
QUOTA_BYTES = 512_000_000


async def drain(run: Run) -> Result:
    """One of four workers, once it works, is killed every 0.4 s until the office has everything."""
    readings, killed = run.either(4_000, 80_000), 0
    async with Rig(run.folder, workers=WORKERS) as rig:
        await _fill(rig.hub, readings)
        for part in (rig.broker, *rig.workers, rig.hub):
            await rig.launch(part)
        settling = asyncio.create_task(rig.settle(900))
        while not settling.done():
            await asyncio.wait([settling], timeout=EVERY_S)
            worker = rig.workers[killed % WORKERS]
            if not rig.is_subscribed(worker):
                continue  # on a busy machine: who never comes to life can lose nothing
            await rig.kill(worker)
            await rig.launch(worker)
            killed += 1
        await settling
        await rig.stop_hubs()
        return conclude(rig.judge(), killed)


async def _fill(hub: Hub, readings: int) -> None:
    """As if the hub had kept them for months: sealed and committed by its own code."""
    settings = load_settings(hub.settings)
    credentials = load_credentials(settings.credentials)
    [meter] = hub.ward.meters
    hub.state.mkdir()
    journal = JournalFile(hub.journal, hub.name, lambda: 0)
    outbox = await Outbox.open(hub.outbox, quota_bytes=QUOTA_BYTES, journal=journal)
    open_ = partial(
        open_epoch, hub.name, credentials.signer, credentials.sealing_key(settings.hub.suite)
    )
    sign = partial(sign_statement, signer=credentials.signer)
    witness = Witness(hub.name, sign, lambda: read_moment(hub.clock).utc_ms)
    recorder = Recorder(outbox, hub.clock, open_, witness, software="vitalpost", journal=journal)
    info = AcknowledgingCuff.info
    facts = DeviceFacts(
        driver=info.id,
        driver_version=info.version,
        identity=("Vitalpost", "Cord", meter.serial),
        transport=info.transport,
        name="Cord",
        maker="",
        model="",
        serial="",
        firmware="",
    )
    real_ns = hub.clock.offset_ns
    for batch in range(batches := readings // BATCH):
        hub.clock.set_offset(real_ns - int(MONTHS_NS * (batches - batch) / batches))
        at = read_moment(hub.clock)
        meter.clock_utc_ns = hub.clock.utc_ns
        drafts = [partial(_draft_reading, frame, at) for frame in meter.measure_all(BATCH)]
        await recorder.record([partial(_draft_clock, meter, at), *drafts], facts)
        meter.confirm_all()
    hub.clock.set_offset(real_ns)
    await recorder.close()
    await outbox.close()


def _draft_clock(meter: Meter, at: Moment, place: Place) -> EventRecord:
    shown = meter.clock()
    raw = (Frame(CLOCK, meter.clock_frame()),)
    asked_ms = place.since_ms(at)
    return EventRecord(
        place.stamp(at), "clock-read", place.device, raw=raw, device_time=shown, asked_ms=asked_ms
    )


def _draft_reading(frame: bytes, at: Moment, place: Place) -> ReadingRecord:
    reading = decode(frame)
    return ReadingRecord(
        place.stamp(at),
        place.device,
        raw=(Frame(MEASUREMENT, frame),),
        observations=tuple(
            ObservationFact(int(seen.metric), seen.value, str(seen.unit))
            for seen in reading.observations
        ),
        device_time=reading.device_time,
        record_number=reading.record_number,
        origin=ORIGINS[reading.origin],
        link=0,
        status=tuple(reading.status),
        attributes=reading.attributes,
    )
