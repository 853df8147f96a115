"""Our pairing agent: bluetoothd asks it before a device may pair.

It says yes only to a device that somebody is adding, and only while the set-up window is open.
Source: BlueZ doc/org.bluez.Agent.rst
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import structlog
from dbus_fast.message import Message

from gateway.setup import SetupWindow

AGENT = "org.bluez.Agent1"
AGENT_PATH = "/com/vitalpost/agent"
CAPABILITY = "KeyboardDisplay"  # whatever a device can show or take, BlueZ then asks for
REJECTED = "org.bluez.Error.Rejected"

NO_PASSKEY = "it shows a passkey, and none was given"
OTHER_PASSKEY = "it shows another passkey than was given"
UNEXPECTED = "nobody is adding this device"
CLOSED = "set-up is closed"
UNSUITABLE = "it pairs in a way that a hub without a screen cannot"

log = structlog.get_logger()


class Expected(NamedTuple):
    """A device that may pair, with the passkey it shows, and what was refused to it."""

    passkey: int | None
    refusals: list[str]


class Agent:
    """What it answers; `address` tells whose an object path is. Nobody's: LookupError."""

    def __init__(self, setup: SetupWindow, address: Callable[[str], str]) -> None:
        self._setup = setup
        self._address = address
        self._expected: dict[str, Expected] = {}

    @contextmanager
    def expect(self, address: str, passkey: int | None) -> Iterator[list[str]]:
        """Let this device pair while the context holds; what was refused meanwhile, in words."""
        expected = Expected(passkey, [])
        self._expected[address] = expected
        try:
            yield expected.refusals
        finally:
            if self._expected.get(address) is expected:
                del self._expected[address]

    def answer(self, call: Message) -> Message:
        """The reply to a call of bluetoothd's."""
        if call.member in ("Cancel", "Release"):
            return Message.new_method_return(call)
        expected = self._find(call)
        refusal = self._judge(call, expected)
        if refusal:
            if expected:
                expected.refusals.append(refusal)
            log.warning("pairing-rejected", asked=call.member, reason=refusal)
            return Message.new_error(call, REJECTED, refusal)
        if call.member == "RequestPasskey" and expected:
            return Message.new_method_return(call, "u", [expected.passkey])
        return Message.new_method_return(call)

    def _find(self, call: Message) -> Expected | None:
        try:
            return self._expected.get(self._address(str(call.body[0])))
        except LookupError:
            return None

    def _judge(self, call: Message, expected: Expected | None) -> str:
        """Why not; empty if it may pair."""
        if not self._setup.is_open:
            return CLOSED
        if expected is None:
            return UNEXPECTED
        if call.member == "RequestAuthorization":
            return ""
        if call.member not in ("RequestPasskey", "RequestConfirmation"):
            return UNSUITABLE
        if expected.passkey is None:
            return NO_PASSKEY
        shown = call.body[1:] or [expected.passkey]
        return "" if shown == [expected.passkey] else OTHER_PASSKEY
