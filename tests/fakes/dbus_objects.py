"""Objects with properties on a bus, and the signals that tell of them."""

from __future__ import annotations

from dbus_fast import Message, Variant
from dbus_fast.aio import MessageBus

PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
PATHS = ("Adapter", "Device", "Service")

Values = dict[str, object]


class Objects:
    """As an ObjectManager of the bus name of `bus` shows them."""

    def __init__(self, bus: MessageBus) -> None:
        self.all: dict[str, dict[str, dict[str, Variant]]] = {}
        self._bus = bus

    def __contains__(self, path: str) -> bool:
        return path in self.all

    def get(self, path: str, interface: str, name: str) -> object:
        return self.all[path][interface][name].value

    def add(self, path: str, interfaces: dict[str, Values]) -> None:
        told = {
            interface: {name: _variant(name, value) for name, value in values.items()}
            for interface, values in interfaces.items()
        }
        self.all[path] = told
        self._tell("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, told])

    def change(self, path: str, interface: str, values: Values) -> None:
        changed = {name: _variant(name, value) for name, value in values.items()}
        self.all[path][interface].update(changed)
        self._tell(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, changed, []])

    def remove(self, path: str) -> None:
        interfaces = list(self.all.pop(path))
        self._tell("/", OBJECTS, "InterfacesRemoved", "oas", [path, interfaces])

    def _tell(self, path: str, interface: str, member: str, signature: str, body: list) -> None:
        self._bus.send(Message.new_signal(path, interface, member, signature, body))


def _variant(name: str, value: object) -> Variant:
    match value:
        case dict():
            return Variant("a{qv}", {key: Variant("ay", each) for key, each in value.items()})
        case bool():
            return Variant("b", value)
        case int():
            return Variant("n", value)
        case bytes():
            return Variant("ay", value)
        case list():
            return Variant("as", value)
    return Variant("o" if name in PATHS else "s", value)
