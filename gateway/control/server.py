"""The control socket: one line of JSON asks, one line answers (docs/control.md).

Whatever comes in, each client costs at most its line, one answer and its turn.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, NoReturn

import msgspec
import structlog

from gateway.errors import GatewayError
from gateway.requests import Request, decode_request, find_id
from uplink.errors import OutboxDamaged, UplinkError

UCRED = struct.Struct("3i")  # unix(7), SO_PEERCRED: pid, uid, gid

COUNTED = (
    "clients",
    "answered",
    "refused",
    "turned-away",
    "overlong",
    "too-slow",
    "unread",
    "vanished",
    "crashed",
)

Answer = Callable[[Request, int], Awaitable[Mapping[str, Any]]]
"""From a request and the uid of who asks to what is answered."""

log = structlog.get_logger()


class Limits(NamedTuple):
    """What one client may cost."""

    clients: int = 16
    line_bytes: int = 64 << 10
    line_s: float = 30.0  # for a whole line, counted from the last answer
    answer_s: float = 10.0  # for taking an answer
    pause_s: float = 0.02  # between two answers to one client


class Drop(Exception):
    """A client is let go; `what` is its counter, `hint` what it could do better."""

    def __init__(self, what: str, error: str, hint: str) -> None:
        super().__init__(error)
        self.what = what
        self.hint = hint


class Control:
    """Serves the clients of `listener` for as long as it runs.

    `counts` has clients, the present ones, and of all since the start: answered, refused (no
    request, or one that is not done), turned-away (too many clients), overlong, too-slow, unread
    (an answer that was not taken), vanished and crashed.
    """

    def __init__(
        self,
        listener: socket.socket,
        answer: Answer,
        counts: Counter[str],
        limits: Limits = Limits(),  # noqa: B008  a NamedTuple cannot be changed
    ) -> None:
        self._listener = listener
        self._answer = answer
        self._counts = counts
        counts.update(dict.fromkeys(COUNTED, 0))
        self._limits = limits

    async def run(self) -> NoReturn:
        """Answer until cancelled. Raises only what broke the outbox."""
        async with asyncio.TaskGroup() as self._tasks:
            server = await asyncio.start_unix_server(
                self._on_client, sock=self._listener, limit=self._limits.line_bytes
            )
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                server.close()
        raise AssertionError("it is only ever cancelled")

    def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._counts["clients"] < self._limits.clients:
            self._counts["clients"] += 1
            self._tasks.create_task(self._serve(reader, writer))
            return
        self._counts["turned-away"] += 1
        error = f"{self._limits.clients} clients are connected already"
        writer.write(_refuse(None, error, "Close another one, or try again in a moment."))
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A drain then waits until the system has it all: never more than one answer is held.
        writer.transport.set_write_buffer_limits(high=0)
        try:
            await self._converse(reader, writer)
        except Drop as drop:
            self._counts[drop.what] += 1
            writer.write(_refuse(None, str(drop), drop.hint))
        except ConnectionError:
            self._counts["vanished"] += 1
        finally:
            self._counts["clients"] -= 1
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("socket")
        _, uid, _ = UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))
        while line := await self._read(reader):
            await self._send(writer, await self._reply(line, uid))
            # Who asks without end waits for everybody else in between.
            await asyncio.sleep(self._limits.pause_s)

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        """The next line, empty where none comes any more."""
        limits = self._limits
        try:
            async with asyncio.timeout(limits.line_s):
                return await reader.readuntil(b"\n")
        except TimeoutError as error:
            what = f"no whole line within {limits.line_s:g} s"
            raise Drop("too-slow", what, "Connect again when there is something to ask.") from error
        except asyncio.LimitOverrunError as error:
            what = f"a line of more than {limits.line_bytes} bytes"
            raise Drop("overlong", what, "Send one short JSON object on each line.") from error
        except asyncio.IncompleteReadError as error:
            self._counts["vanished"] += bool(error.partial)
            return b""

    async def _reply(self, line: bytes, uid: int) -> bytes:
        asker = find_id(line)
        try:
            request = decode_request(line)
            answer = {"id": asker, "ok": True, **await self._answer(request, uid)}
        except OutboxDamaged:
            raise
        except (GatewayError, UplinkError) as error:
            self._counts["refused"] += 1
            return _refuse(asker, str(error), error.hint)
        except Exception as error:  # noqa: BLE001  the edge of a request: no client stops the hub
            self._counts["crashed"] += 1
            log.error("request-crashed", error=type(error).__name__)  # noqa: TRY400  a trace may show values
            return _refuse(asker, "the hub has failed at this", "Report it with the version.")
        self._counts["answered"] += 1
        return msgspec.json.encode(answer) + b"\n"

    async def _send(self, writer: asyncio.StreamWriter, line: bytes) -> None:
        writer.write(line)
        try:
            async with asyncio.timeout(self._limits.answer_s):
                await writer.drain()
        except TimeoutError as error:
            what = f"an answer was not taken within {self._limits.answer_s:g} s"
            raise Drop("unread", what, "Read each answer before asking again.") from error


def _refuse(asker: int | str | None, error: str, hint: str) -> bytes:
    refusal = {"id": asker, "ok": False, "error": error, "hint": hint}
    return msgspec.json.encode(refusal) + b"\n"
