"""One device is added: found and paired, confirmed against its label, enrolled, tried out.

Nothing is enrolled before it is confirmed, and enrolling is one write: a hub that is killed at any
step has the device whole, or not at all. A device that is enrolled already is the same device.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress

import msgspec

from drivers.errors import LinkError
from gateway.clock import read_moment
from gateway.devices import Device, enrol
from gateway.enrolments import Enrolment
from gateway.errors import DriverTie
from gateway.kinds import ANY, KINDS, describe, drivers_of, kind_of
from gateway.sentences import FAULT, IS_ON_LABEL, NOT_CONFIRMED, UNSUPPORTED, WRONG_SERIAL, Sentence
from gateway.sessions import Sessions
from gateway.settings import DeviceSettings
from gateway.visit.jobs import Premises, Progress, Stage, Stop, Wanted
from gateway.visit.meeting import list_models, meet
from gateway.visit.trial import tell, try_out
from uplink.fields import Attributes

QUESTION = Sentence("confirm", IS_ON_LABEL, "")


async def add(progress: Progress, wanted: Wanted, premises: Premises) -> None:
    """Add the device that is wanted. Raises Stop, and what the hub refuses."""
    progress.kind = KINDS.get(wanted.kind, ANY)
    if premises.outbox.losses:
        progress.note(FAULT)
    if wanted.instead_of:
        premises.enrolments.find(wanted.instead_of)
    if wanted.socket:
        device = _describe_wired(progress, wanted, premises)
    else:
        device = await meet(progress, wanted, premises)
    known = premises.fleet.at(device.address)
    try:
        await _confirm(progress, wanted, device, premises)
        sessions = await _enrol(progress, wanted, device, premises)
    except BaseException:
        if known and known in premises.fleet.sessions:
            premises.fleet.central.adopt(known)
        elif not known and device.has_bond:
            with suppress(LinkError):
                await premises.fleet.central.forget(device.address)
        raise
    if wanted.wants_test:
        await try_out(progress, sessions, premises, wanted.visit)


def _describe_wired(progress: Progress, wanted: Wanted, premises: Premises) -> Device:
    """What is at a serial port says nothing of itself before it is served: the label does."""
    wired = {
        id_: driver
        for id_, driver in drivers_of(wanted.kind, premises.drivers).items()
        if driver.info.transport == "serial" and wanted.driver in ("", id_)
    }
    if not wired:
        raise progress.stop(UNSUPPORTED, models=list_models(premises))
    if len(wired) > 1:
        raise DriverTie(sorted(wired), "a device at a serial port")
    [driver] = wired.values()
    progress.kind = describe(driver, wanted.kind)
    identity = secrets.token_bytes(16)
    return Device("new", "", identity, driver, is_bonded=False, socket=wanted.socket)


async def _confirm(progress: Progress, wanted: Wanted, device: Device, premises: Premises) -> None:
    """Is it the one whose label the technician reads? Raises Stop."""
    said = device.information
    progress.found = {
        "driver": device.driver.info.id,
        "maker": said.maker or wanted.maker,
        "model": said.model or wanted.model or device.name,
        "serial": said.serial or wanted.serial,
        "address": device.address,
    }
    is_wrong = bool(wanted.serial and said.serial and wanted.serial != said.serial)
    if not is_wrong and (wanted.is_confirmed or wanted.serial):
        return
    progress.question = WRONG_SERIAL if is_wrong else QUESTION
    progress.confirmed = asyncio.get_running_loop().create_future()
    progress.stage = Stage.CONFIRM
    while not progress.confirmed.done():
        progress.check_on(premises, needs_window=True)
        await asyncio.wait({progress.confirmed}, timeout=premises.limits.step_s)
    progress.question = None
    if not progress.confirmed.result():
        raise Stop(WRONG_SERIAL if is_wrong else NOT_CONFIRMED)


async def _enrol(
    progress: Progress, wanted: Wanted, device: Device, premises: Premises
) -> Sessions:
    now, store = read_moment(premises.clock), premises.enrolments
    entry = _make_entry(wanted, device, premises)
    settled, before = store.find_settled(entry), store.find_same(entry)
    is_here = bool(settled) or bool(before and not before.ended)
    entry = settled or entry
    [enrolled] = enrol([entry], premises.drivers)
    if not is_here:
        store.check(entry, wanted.instead_of)
        premises.memory.forget(enrolled)
    premises.memory.recall([enrolled], now, premises.clock.boot_id())
    enrolled.information, enrolled.has_bond = device.information, device.has_bond
    enrolled.bond_news = device.bond_news
    await premises.memory.keep(enrolled)
    if not settled:
        new = Enrolment(entry, now.utc_ms, wanted.visit, wanted.consent)
        if before and is_here:
            new = msgspec.structs.replace(before, device=entry)
        store.add(new, wanted.instead_of, wanted.why)
    # From here on it is enrolled, whatever happens.
    if wanted.instead_of:
        await retire(premises, wanted.instead_of, wanted.why)
    for name in {entry.name, before.device.name if before else entry.name}:
        if premises.fleet.has(name):
            await premises.fleet.release(name)
    sessions = premises.fleet.adopt(enrolled)
    progress.name = entry.name
    told = {
        "visit": wanted.visit,
        "consent": wanted.consent,
        "instead_of": wanted.instead_of,
        "why": wanted.why,
    }
    facts: Attributes = {name: fact for name, fact in told.items() if fact}
    await tell(premises, sessions, "device-enrolled", facts)
    return sessions


async def retire(premises: Premises, name: str, why: str) -> None:
    """Serve a device no more, and forget its bond; what it brought stays. Raises DeviceUnknown."""
    sessions = premises.fleet.find(name)
    device = await premises.fleet.release(name)
    await tell(premises, sessions, "device-ended", {"why": why})
    if not device.socket:
        with suppress(LinkError):
            await premises.fleet.central.forget(device.address)


def _make_entry(wanted: Wanted, device: Device, premises: Premises) -> DeviceSettings:
    """As the settings file would have it; one that is here already keeps its name and identity."""
    said, socket, store = device.information, device.socket, premises.enrolments
    identity = {
        "maker": said.maker or wanted.maker,
        "model": said.model or wanted.model,
        "serial": said.serial or wanted.serial,
    }
    if not all(identity.values()):
        identity = {"id": device.identity.hex() if isinstance(device.identity, bytes) else ""}
    place = socket._asdict() if socket else {"address": device.address}
    kind = wanted.kind or kind_of(device.driver) or device.driver.info.id
    name = wanted.name or wanted.instead_of or store.free_name(kind)
    entry = DeviceSettings(
        name,
        device.driver.info.id,
        bond=bool(device.has_bond),
        history="all" if wanted.history == "all" else "new",
        **place,
        **identity,
    )
    known = premises.fleet.at(device.address)
    if known and known.device.serial == said.serial:
        before = store.in_use(known.device.name)
    else:
        same = store.find_same(entry)
        before = same.device if same and not same.ended else None
    if before is None:
        return entry
    keep = {field: getattr(before, field) for field in ("name", "maker", "model", "serial", "id")}
    return msgspec.structs.replace(entry, **keep, history=before.history)
