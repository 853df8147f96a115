"""The air of one home: Bumble controllers that hear each other, and a TCP door for a hub's host."""

from __future__ import annotations

import asyncio
from functools import partial

from bumble.controller import Controller
from bumble.device import Device, DeviceConfiguration
from bumble.hci import (
    HCI_ErrorCode,
    HCI_LE_Connection_Complete_Event,
    HCI_LE_Create_Connection_Cancel_Command,
    HCI_StatusReturnParameters,
    Role,
)
from bumble.host import Host
from bumble.link import LocalLink
from bumble.ll import AdvertisingPdu, TerminateInd
from bumble.transport.common import AsyncPipeSink, StreamPacketSink, StreamPacketSource


class Chip(Controller):
    """A controller whose pending connection can be called off."""

    def on_hci_le_create_connection_cancel_command(
        self, command: HCI_LE_Create_Connection_Cancel_Command
    ) -> HCI_StatusReturnParameters:
        """Core Vol 4 Part E, 7.8.13: the cancelled connection completes with an error.

        Bumble's own controller goes on waiting, and refuses every later connection.
        """
        if pending := self.pending_le_connection:
            self.pending_le_connection = None
            self.send_hci_packet(
                HCI_LE_Connection_Complete_Event(
                    status=HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                    connection_handle=0,
                    role=Role.CENTRAL,
                    peer_address_type=pending.peer_address_type,
                    peer_address=pending.peer_address,
                    connection_interval=0,
                    peripheral_latency=0,
                    supervision_timeout=0,
                    central_clock_accuracy=0,
                )
            )
        return super().on_hci_le_create_connection_cancel_command(command)


class Port(StreamPacketSource):
    """One hub's host on its TCP connection: it has a controller as long as the connection lives.

    A hub that was killed leaves no link and no scan behind.
    """

    def __init__(self, air: Air) -> None:
        super().__init__()
        self._air = air

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the host a controller."""
        assert isinstance(transport, asyncio.WriteTransport)
        sink = StreamPacketSink(transport)
        self._chip = Chip("hub", host_source=self, host_sink=sink, link=self._air)

    def connection_lost(self, _error: Exception | None) -> None:
        """Take the controller off the air."""
        self._chip.host = None
        # An advertisement may be on its way to it, and would still be answered.
        self._chip.pending_le_connection = None
        break_links(self._chip)
        self._air.remove_controller(self._chip)


class Air(LocalLink):
    """The link layer of a home; while it is `out_of_range`, no advertisement reaches the hub."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Bumble's is not annotated
        self.out_of_range = False

    async def open(self) -> str:
        """Listen on a free loopback port; returns the HCI transport with which a hub attaches."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(partial(Port, self), "127.0.0.1", 0)
        return f"tcp-client:127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Let no more hosts attach."""
        self._server.close()

    def attach(self, config: DeviceConfiguration) -> Device:
        """A device in the home, with a controller of its own."""
        chip = Chip(config.name, link=self)
        return Device(config=config, host=Host(chip, AsyncPipeSink(chip)))

    def carry_away(self, *, away: bool) -> None:
        """Take all devices out of the hub's range, which breaks the links, or bring them back."""
        self.out_of_range = away
        if away:
            for controller in self.controllers:
                break_links(controller)

    def send_advertising_pdu(self, sender_controller: Controller, packet: AdvertisingPdu) -> None:
        """Carry an advertisement or a connection request to all others."""
        if not self.out_of_range:
            super().send_advertising_pdu(sender_controller, packet)


def break_links(central: Controller) -> None:
    """End the links that this controller opened, on both sides, as when a supervision times out."""
    reason = HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
    for connection in list(central.le_connections.values()):
        if connection.role == Role.CENTRAL:
            connection.send_ll_control_pdu(TerminateInd(reason))
            central.on_le_disconnected(connection, reason)
