"""What light and sound are given out by: one small interface, and its form for a terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, Protocol

from gateway.reports import Problem
from gateway.signals.lights import Light, Sound


class Panel(Protocol):
    """A light, and perhaps a sound."""

    def show(self, light: Light, *, is_night: bool) -> None:
        """Show this from now on, dimmed where it would disturb at night."""

    def play(self, sound: Sound) -> None:
        """Let this be heard once."""

    async def run(self) -> NoReturn:
        """Give out what it is told until cancelled. Raises nothing: without it a hub goes on."""

    def problems(self) -> Iterable[Problem]:
        """Why nothing is seen or heard."""


class Terminal:
    """A line for each change of the light and for each sound: on stderr, or added to a file."""

    def __init__(self, file: str = "") -> None:
        self._file = file
        self._shown = ""

    def show(self, light: Light, *, is_night: bool) -> None:
        """Say the light's name."""
        line = f"light  {light.value}{', dimmed' if is_night and light is Light.READY else ''}"
        if line != self._shown:
            self._shown = line
            self._say(line)

    def play(self, sound: Sound) -> None:
        """Say what would be heard."""
        self._say(f"sound  {sound.value}")

    async def run(self) -> NoReturn:
        """There is nothing to keep up."""
        await asyncio.get_running_loop().create_future()
        raise AssertionError("it is only ever cancelled")

    def problems(self) -> Iterable[Problem]:
        """A terminal has none."""
        return ()

    def _say(self, line: str) -> None:
        with suppress(OSError):  # nobody can be told of it, and no light stops a hub
            if self._file:
                with Path(self._file).open("a") as file:
                    file.write(f"{line}\n")
            else:
                sys.stderr.write(f"{line}\n")
