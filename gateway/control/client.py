"""Asking the running hub over its control socket, as its commands do."""

from __future__ import annotations

import socket
from typing import Any

import msgspec

from gateway.errors import HubNotRunning, NotAllowed, RequestRefused
from gateway.settings import ControlSettings

ANSWER_S = 30.0
LONGEST_ANSWER = 1 << 20


def ask(
    settings: ControlSettings, do: str, *, answer_s: float = ANSWER_S, **facts: object
) -> dict[str, Any]:
    """The hub's answer. Raises HubNotRunning, NotAllowed, RequestRefused."""
    path = settings.socket
    line = msgspec.json.encode({"do": do, **facts}) + b"\n"
    try:
        with socket.socket(socket.AF_UNIX) as hub:
            hub.settimeout(answer_s)
            hub.connect(path)
            hub.sendall(line)
            answered = _read_line(hub)
    except PermissionError as error:
        raise NotAllowed(path, _hint_for(settings)) from error
    except OSError as error:
        raise HubNotRunning(path, error.strerror or str(error)) from error
    try:
        answer = msgspec.json.decode(answered, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise HubNotRunning(path, "its answer broke off") from error
    if not answer.get("ok"):
        raise RequestRefused(str(answer.get("error")), str(answer.get("hint", "")))
    return answer


def _read_line(hub: socket.socket) -> bytes:
    answered = bytearray()
    while not answered.endswith(b"\n") and len(answered) < LONGEST_ANSWER:
        more = hub.recv(1 << 16)
        if not more:
            break
        answered += more
    return bytes(answered)


def _hint_for(settings: ControlSettings) -> str:
    if not settings.group:
        return ""
    return f"Add yourself to the group {settings.group} and log in again."
