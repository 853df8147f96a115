"""The composition root: builds every object, starts every task, ends them in order."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, aclosing, closing
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from gateway.clock import Clock, SystemClock, read_moment
from gateway.control.answers import Answers
from gateway.control.server import Control
from gateway.control.socket_file import ControlSocket
from gateway.devices import Device, enrol
from gateway.enrolments import Enrolments
from gateway.fleet import Fleet
from gateway.identity.credentials import Credentials, load_credentials
from gateway.identity.renewal import Renewal
from gateway.links.ble import Central
from gateway.links.gatt import Station
from gateway.links.radio import load_radio
from gateway.liveness import Liveness
from gateway.logs.leftovers import tell_leftover
from gateway.matching import refuse_ties
from gateway.memory import Memory
from gateway.network.meter import Roots
from gateway.network.watch import Network
from gateway.notify import Notifier
from gateway.recorder import Recorder
from gateway.registry import load_drivers
from gateway.reports import Reporter
from gateway.room import Storage
from gateway.round_trip import Prober
from gateway.sessions import Sessions
from gateway.settings import Settings
from gateway.setup import SetupWindow
from gateway.status import Parts
from gateway.storage import open_outbox
from gateway.telling import judge_health, watch_health
from gateway.timekeeping.keeper import keep_time
from gateway.upkeep import keep_up
from gateway.visit.desk import Desk
from gateway.visit.jobs import Premises
from uplink.forwarder import Connect, Forwarder
from uplink.journal import Journal, keep_no_journal
from uplink.mqtt import Broker, Connection
from uplink.outbox import Outbox
from uplink.records import EpochStart
from uplink.route import Route
from uplink.seal import Epoch, open_epoch, sign_statement
from uplink.statements import Previous, Statement
from uplink.tls import Calendar, tls_context
from uplink.witness import Witness

if TYPE_CHECKING:
    from gateway.signals.lamp import Lamp

log = structlog.get_logger()


async def run(  # noqa: PLR0913, PLR0915  what may be lent, and a statement for each part that is built
    settings: Settings,
    *,
    journal: Journal = keep_no_journal,
    on_ready: Callable[[], None] = lambda: None,
    reporters: Sequence[Reporter] = (),
    machine: Clock | None = None,
    roots: Roots = Roots(),  # noqa: B008  a NamedTuple of constants
    connect: Connect = Connection.open,
) -> None:
    """Be a hub until SIGTERM, SIGINT or SIGHUP. `journal` hears each step of a record's way.

    `reporters` have their place in the status beside those of the hub's own parts; `machine` stands
    for the machine's own clocks, `roots` for what its kernel tells of networks, and `connect` for
    the way to the broker.

    Raises SettingsError and OutboxNewer, which only a person mends, OutboxLocked, ControlInUse, and
    an ExceptionGroup of what broke on the way: nothing was acknowledged that is not on flash.
    """
    asyncio.get_running_loop().set_exception_handler(tell_leftover)
    stop = _heed_signals()
    installed = load_credentials(settings.credentials)
    clock = keep_time(settings, machine or SystemClock(), lambda: renewal.credentials.told_ms)
    drivers = load_drivers()
    refuse_ties(drivers)
    enrolments = Enrolments(Path(settings.hub.state), settings.devices)
    devices = enrol([*settings.devices, *enrolments.devices], drivers)
    setup = SetupWindow()
    radio = load_radio(settings.radio, setup)
    software = f"vitalpost {version('vitalpost')}"
    notifier = Notifier()
    async with AsyncExitStack() as stack:
        outbox = await open_outbox(settings, journal)
        stack.push_async_callback(outbox.close)
        for loss in outbox.losses:
            log.error("storage-loss", **loss._asdict())
        memory = Memory(Path(settings.hub.state), is_new_hub=outbox.previous() is None)
        memory.recall(devices, read_moment(clock), clock.boot_id())
        await memory.save()
        renewal = Renewal(
            installed,
            settings.hub.id,
            Path(settings.hub.state),
            settings.hub.suite,
            now_ms=lambda: read_moment(clock).utc_ms,
            calendar=clock,
        )

        def sign(statement: Statement) -> bytes:
            return sign_statement(statement, renewal.credentials.signer)

        witness = Witness(settings.hub.id, sign, lambda: read_moment(clock).utc_ms)
        forwarder = Forwarder(
            outbox,
            _describe_route(settings, installed, software, clock),
            witness,
            journal=journal,
            now=asyncio.get_running_loop().time,
            connect=connect,
            renewal=renewal,
            on_receipt=clock.receipted,
            tell_health=lambda: judge_health(parts),
        )

        def open_next(start: EpochStart, previous: Previous | None) -> tuple[Epoch, bytes]:
            signer, sealing_key = renewal.credentials.signer, renewal.sealing_key
            return open_epoch(settings.hub.id, signer, sealing_key, start, previous)

        recorder = Recorder(
            outbox,
            clock,
            open_next,
            witness,
            software=software,
            journal=clock.follow(journal),
            on_commit=forwarder.new_rows,
            best=clock.best,
        )
        stack.push_async_callback(recorder.close)
        lamps = _make_lamps(settings, clock, outbox)
        station = Station(radio, clock, settings.site_zone, settings.radio.quiet_s, setup)
        fleet = Fleet(
            Central(station, ()),
            devices,
            lambda device: Sessions(_light(device, lamps), recorder, journal),
            lambda sessions: _serve_port(clock, settings, sessions),
        )
        network = await stack.enter_async_context(
            aclosing(
                Network(
                    settings,
                    clock,
                    lambda: forwarder.standing.is_connected,
                    believe=clock.believe,
                    best=clock.best,
                    roots=roots,
                )
            )
        )
        premises = Premises(
            hub=settings.hub.id,
            fleet=fleet,
            enrolments=enrolments,
            memory=memory,
            drivers=drivers,
            setup=setup,
            clock=clock,
            outbox=outbox,
            standing=forwarder.standing,
            network=network,
            recorder=recorder,
            journal=journal,
        )
        desk = Desk(premises)
        stack.push_async_callback(desk.close)
        control_socket = stack.enter_context(closing(ControlSocket(settings.control)))
        storage = Storage(outbox)
        counts = Counter[str]()
        parts = Parts(
            hub=settings.hub.id,
            software=software,
            clock=clock,
            outbox=outbox,
            standing=forwarder.standing,
            sessions=fleet.sessions,
            setup=setup,
            counts=counts,
            send_again=forwarder.old_rows,
            reporters=(*reporters, fleet.central.ladder, clock, storage, network, *lamps),
        )
        control = Control(
            control_socket.listener,
            Answers(parts, desk, Prober(recorder, outbox, clock, forwarder.standing)).answer,
            counts,
        )

        async def announce() -> None:
            await fleet.central.settled.wait()
            log.info("hub-ready", hub=settings.hub.id, devices=len(devices), waiting=outbox.depth)
            notifier.ready(_describe_start(len(devices), reporters))
            on_ready()

        async with asyncio.TaskGroup() as tasks:
            work = (
                fleet.central.run(),
                fleet.run(),
                forwarder.run(),
                control.run(),
                storage.run(),
                keep_up(recorder, clock, outbox.losses),
                clock.run(),
                notifier.watch(Liveness(outbox, fleet.central).is_proved),
                network.run(),
                watch_health(parts, forwarder.news),
                announce(),
                *(lamp.run(parts, fleet.central.settled.is_set) for lamp in lamps),
            )
            running = [tasks.create_task(each) for each in work]
            await stop.wait()
            log.info("hub-stopping")
            notifier.stopping()
            for task in running:
                task.cancel()


def _make_lamps(settings: Settings, clock: Clock, outbox: Outbox) -> list[Lamp]:
    """The light of the box, where it has one."""
    if settings.light.panel == "none":
        return []
    from gateway.signals.lamp import make_lamp  # noqa: PLC0415  most hubs have no light

    return [make_lamp(settings.light, clock, settings.site_zone, outbox)]


def _light(device: Device, lamps: Sequence[Lamp]) -> Device:
    for lamp in lamps:
        device.show_reading = lamp.note_reading
    return device


def _describe_start(devices: int, reporters: Sequence[Reporter]) -> str:
    """For `systemctl status`."""
    amiss = (problem.what for each in reporters for problem in each.problems())
    return "; ".join((f"{devices} devices enrolled", *amiss))


def _heed_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return stop


async def _serve_port(clock: Clock, settings: Settings, sessions: Sessions) -> None:
    from gateway.links.serial import Ports  # noqa: PLC0415  most hubs have no serial device
    from gateway.links.serial_link import Bench  # noqa: PLC0415  the same

    await Ports(Bench(clock, settings.site_zone), [sessions]).run()


def _describe_route(
    settings: Settings, credentials: Credentials, software: str, calendar: Calendar
) -> Route:
    files = credentials.broker_ca, credentials.tls_certificate, credentials.tls_key
    tls = tls_context(*files, calendar)
    broker = settings.broker
    return Route(
        Broker(broker.host, broker.port, settings.hub.id, tls, keepalive_s=broker.keepalive_s),
        credentials.receipt_keys,
        broker.prefix,
        software,
    )
