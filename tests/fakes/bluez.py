"""A bluetoothd that does what it is told: org.bluez on a private bus, as bleak and we use it.

Source: BlueZ doc/org.bluez.{Adapter,Device,GattCharacteristic,AgentManager,Agent}.rst, and what was
measured on BlueZ 5.66: who calls the agent when, what fails how.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bleak.uuids import normalize_uuid_str
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from tests.fakes.bluez_device import Characteristic, FakeDevice
from tests.fakes.dbus_objects import Objects

ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
SERVICE, CHARACTERISTIC = "org.bluez.GattService1", "org.bluez.GattCharacteristic1"
AGENTS, AGENT = "org.bluez.AgentManager1", "org.bluez.Agent1"
HCI = "/org/bluez/hci0"
BUILT_IN, PLUGGED = "B8:27:EB:00:00:01", "00:1A:7D:DA:71:13"

Step = Callable[[], Awaitable[object]]


class BluezError(Exception):
    """What a call is answered with."""

    def __init__(self, name: str, text: str = "") -> None:
        super().__init__(name)
        self.name = name if "." in name else f"org.bluez.Error.{name}"
        self.text = text or name


class FakeBluez:
    """What it is asked it does as bluetoothd does, unless a `script` says otherwise.

    `calls` counts what was asked; `pending` are devices that a killed process was connecting.
    `fault` is what must be done before it hears again: "scan", "power" or "service". Adapters are
    plugged in and out; a bond is with the address of the one that was there when it was made.
    """

    def __init__(self, address: str) -> None:
        self.calls: Counter[str] = Counter()
        self.agents: list[tuple[str, str, str]] = []
        self.devices: dict[str, FakeDevice] = {}
        self.pending: set[str] = set()
        self.fault = ""
        self.is_up = False
        self.adapters = {HCI: BUILT_IN}
        self._scanning = ""
        self._address = address
        self._called = asyncio.Event()
        self._scripts: defaultdict[str, deque[Step]] = defaultdict(deque)
        self._tables: dict[str, Characteristic] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._bus = await MessageBus(self._address).connect()
        self._bus.add_message_handler(self._on_message)
        self._objects = Objects(self._bus)
        await self._bus.request_name("org.bluez")
        self._objects.add("/org/bluez", {AGENTS: {}})
        self.fault = self.fault.replace("service", "")
        for path in self.adapters:
            self._add_adapter(path)
        self.is_up = True

    @property
    def is_scanning(self) -> bool:
        """Whether any adapter scans."""
        return bool(self._scanning)

    @is_scanning.setter
    def is_scanning(self, scans: bool) -> None:
        self._scanning = next(iter(self.adapters)) if scans else ""

    def unplug(self, path: str = HCI) -> None:
        """The adapter goes, and with it all that bluetoothd has of it."""
        del self.adapters[path]
        self._scanning = self._scanning.replace(path, "")
        for where in [each for each in self._objects.all if each.startswith(path)]:
            self._tables.pop(where, None)
            self._objects.remove(where)

    def plug(self, path: str, address: str) -> None:
        """An adapter comes, with the bonds that bluetoothd keeps for its address."""
        self.adapters[path] = address
        self._add_adapter(path)

    async def stop(self) -> None:
        """As where bluetoothd is killed: nobody is told but by the bus, of the lost name."""
        for task in self._tasks:
            task.cancel()
        self.agents.clear()
        self.is_up = self.is_scanning = False
        self._bus.disconnect()
        with suppress(EOFError):  # the bus itself has gone before
            await self._bus.wait_for_disconnect()

    def script(self, member: str, *steps: Step | BluezError) -> None:
        """The next calls of a method each meet one step first: an error, or what it waits for."""
        self._scripts[member].extend(
            _raising(step) if isinstance(step, BluezError) else step for step in steps
        )

    async def called(self, member: str, times: int = 1) -> None:
        """Return once it was called so often."""
        while self.calls[member] < times:
            self._called.clear()
            await self._called.wait()

    def sight(self, device: FakeDevice, rssi: int = -60) -> str:
        """The device advertises, which is lost where nobody scans. Its object path."""
        path = next((path for path, each in self.devices.items() if each is device), "")
        if not self.adapters:
            return ""
        on = self._scanning or next(iter(self.adapters))
        if not path.startswith(on):
            self.devices.pop(path, None)
            path = f"{on}/dev_{device.address.replace(':', '_')}"
        self.devices[path] = device
        if self.is_scanning and not self.fault and not self.is_connected(path):
            if path not in self._objects:
                self._add_device(path, device)
            self.change(path, RSSI=rssi)
        return path

    def drop(self, path: str) -> None:
        """The link is gone."""
        for where in [each for each in self._objects.all if each.startswith(f"{path}/")]:
            self._tables.pop(where, None)
            self._objects.remove(where)
        self.change(path, ServicesResolved=False, Connected=False)

    def leave_linked(self, path: str) -> None:
        """A link that should have ended has not; nothing is told of what does not change."""
        self._objects.all[path][DEVICE]["Connected"] = Variant("b", True)

    def notify(self, path: str, uuid: str, *values: bytes) -> None:
        """The device sends, and bluetoothd hands it on to whoever listens."""
        [where] = [at for at, each in self._tables.items() if each.uuid == uuid and path in at]
        for value in values:
            self._objects.change(where, CHARACTERISTIC, {"Value": value})

    def power(self, *, on: bool) -> None:
        for path in self.devices:
            if not on and self.is_connected(path):
                self.drop(path)
        self.is_scanning = self.is_scanning and on
        if on:
            self.fault = self.fault.replace("power", "")
        for path in self.adapters:
            self._objects.change(path, ADAPTER, {"Powered": on, "Discovering": False})

    def is_connected(self, path: str) -> bool:
        return path in self._objects and bool(self._objects.get(path, DEVICE, "Connected"))

    def change(self, path: str, **values: object) -> None:
        """Properties of a device."""
        self._objects.change(path, DEVICE, values)

    def _on_message(self, message: Message) -> bool | None:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        task = asyncio.create_task(self._reply(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _reply(self, call: Message) -> None:
        member, path = str(call.member), str(call.path)
        self.calls[member] += 1
        self._called.set()
        try:
            if steps := self._scripts[member]:
                await steps.popleft()()
            self._check_object(path)
            signature, *body = await getattr(self, f"_do_{member}")(path, call) or [""]
            reply = Message.new_method_return(call, signature, body)
        except BluezError as error:
            reply = Message.new_error(call, error.name, error.text)
        await self._bus.send(reply)

    async def _do_GetManagedObjects(self, _path, _call):  # noqa: N802  as on the bus, like all below
        return "a{oa{sa{sv}}}", self._objects.all

    async def _do_GetAll(self, path, call):  # noqa: N802
        return "a{sv}", self._objects.all[path][call.body[0]]

    async def _do_Set(self, _path, call):  # noqa: N802
        if call.body[1] == "Powered":
            self.power(on=call.body[2].value)

    async def _do_SetDiscoveryFilter(self, _path, _call):  # noqa: N802
        pass

    async def _do_StartDiscovery(self, path, _call):  # noqa: N802
        self._check_power(path)
        if self.is_scanning:
            raise BluezError("InProgress")
        self._scanning = path

    async def _do_StopDiscovery(self, path, _call):  # noqa: N802
        self._check_power(path)
        self.is_scanning = False
        self.fault = self.fault.replace("scan", "")

    async def _do_RemoveDevice(self, _path, call):  # noqa: N802
        self.devices.pop(call.body[0]).is_bonded = False
        self._objects.remove(call.body[0])

    async def _do_RegisterAgent(self, _path, call):  # noqa: N802
        self.agents.append((call.sender, *call.body))

    async def _do_RequestDefaultAgent(self, _path, _call):  # noqa: N802
        pass

    async def _do_UnregisterAgent(self, _path, call):  # noqa: N802
        self.agents = [each for each in self.agents if each[0] != call.sender]

    async def _do_Connect(self, path, _call):  # noqa: N802
        self._check_power(path[: path.index("/dev_")])
        if self.pending:
            raise BluezError("InProgress")
        device = self.devices[path]
        self.change(path, Connected=True)
        if device.is_bonded and not device.has_key:
            self.drop(path)
            raise BluezError("Failed", "br-connection-canceled")
        if not self._objects.get(path, DEVICE, "ServicesResolved"):
            self._discover(path, device)
            self.change(path, ServicesResolved=True)

    async def _do_Pair(self, path, call):  # noqa: N802
        if not self.agents:
            raise BluezError("AuthenticationFailed")
        await self._pair(path, is_asked_for=True)
        await self._do_Connect(path, call)

    async def _do_Disconnect(self, path, _call):  # noqa: N802
        self.pending.discard(path)
        if not self.is_connected(path):
            raise BluezError("NotConnected")
        self.drop(path)

    async def _do_ReadValue(self, path, _call):  # noqa: N802
        return "ay", (await self._touch(path)).value

    async def _do_WriteValue(self, path, call):  # noqa: N802
        (await self._touch(path)).value = bytes(call.body[0])

    async def _do_StartNotify(self, path, _call):  # noqa: N802
        for value in (await self._touch(path)).answer:  # before the reply, as over the air
            self._objects.change(path, CHARACTERISTIC, {"Value": value})

    async def _touch(self, where: str) -> Characteristic:
        found, path = self._tables[where], where[: where.index("/service")]
        if found.is_guarded and not self.devices[path].is_bonded:
            await self._pair(path, is_asked_for=False)
        if found.is_guarded and not self.devices[path].has_key:
            raise BluezError("Failed", "Operation failed with ATT error: 0x0f (Encryption)")
        return found

    async def _pair(self, path: str, *, is_asked_for: bool) -> None:
        device = self.devices[path]
        if not self.agents:
            await asyncio.Event().wait()
        if device.passkey is not None:
            said = await self._ask_agent(device.asks, path, device.passkey)
            if said and said != [device.passkey]:
                raise BluezError("AuthenticationFailed")
        elif not is_asked_for:
            await self._ask_agent("RequestAuthorization", path)
        device.is_bonded = device.has_key = True
        device.bonded_with = self.adapters[path[: path.index("/dev_")]]
        known_as = device.identity or device.address
        self.change(path, Paired=True, Bonded=True, Address=known_as)

    async def _ask_agent(self, member: str, path: str, passkey: int | None = None) -> list[object]:
        owner, where, _ = self.agents[-1]
        shown = [passkey] if member == "RequestConfirmation" else []
        signature = "ou" if shown else "o"
        reply = await self._bus.call(
            Message(owner, where, AGENT, member, signature=signature, body=[path, *shown])
        )
        if reply.message_type is MessageType.ERROR:
            raise BluezError("AuthenticationFailed")
        return reply.body

    def _check_object(self, path: str) -> None:
        if path != "/" and path not in self._objects:
            raise BluezError("org.freedesktop.DBus.Error.UnknownObject")

    def _check_power(self, adapter: str) -> None:
        if not self._objects.get(adapter, ADAPTER, "Powered"):
            raise BluezError("NotReady", "Resource Not Ready")

    def _add_adapter(self, path: str) -> None:
        of_adapter = {"Address": self.adapters[path], "Powered": True, "Discovering": False}
        self._objects.add(path, {ADAPTER: of_adapter | {"Roles": ["central"]}})
        for was_at, device in list(self.devices.items()):
            if device.is_bonded and device.bonded_with == self.adapters[path]:
                del self.devices[was_at]
                now_at = f"{path}/{was_at.rpartition('/')[2]}"
                self.devices[now_at] = device
                self._add_device(now_at, device)

    def _add_device(self, path: str, device: FakeDevice) -> None:
        adapter = path[: path.index("/dev_")]
        is_bonded = device.is_bonded and device.bonded_with == self.adapters[adapter]
        is_resolved = is_bonded and device.identity
        of_device = {
            "Address": device.identity if is_resolved else device.address,
            "Name": device.name,
            "Alias": device.name,
            "Adapter": adapter,
            "Paired": is_bonded,
            "Bonded": is_bonded,
            "Connected": False,
            "ServicesResolved": False,
            "UUIDs": [normalize_uuid_str(uuid) for uuid in device.services],
            "ManufacturerData": device.makers,
        }
        self._objects.add(path, {DEVICE: of_device})

    def _discover(self, path: str, device: FakeDevice) -> None:
        for at, (uuid, table) in enumerate(device.services.items(), 1):
            service = f"{path}/service{at:02x}00"
            of_service = {"UUID": normalize_uuid_str(uuid), "Device": path, "Primary": True}
            self._objects.add(service, {SERVICE: of_service})
            for number, each in enumerate(table, 1):
                where = f"{service}/char{at:02x}{number:02x}"
                flags = ["read", "write", "notify"]
                said = {"UUID": normalize_uuid_str(each.uuid), "Service": service, "Flags": flags}
                self._tables[where] = each
                self._objects.add(where, {CHARACTERISTIC: said | {"Value": b""}})


def _raising(error: BluezError) -> Step:
    async def step() -> None:
        raise error

    return step
