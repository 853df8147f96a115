"""`vitalpost status --watch`: one screen redrawn in place, or lines where there is no terminal."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, NoReturn, TextIO

from gateway.cli.lines import describe
from gateway.errors import HubNotRunning

Look = Callable[[], dict[str, Any]]

EVERY_S = 2.0
EVERY_PLAIN_S = 60.0
RED, YELLOW, PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[0m"
HOME, CLEAR, END_OF_LINE, BELOW = "\x1b[H", "\x1b[2J", "\x1b[K", "\x1b[J"


class Line(NamedTuple):
    """A line of the screen, and how urgent it is: an ANSI colour or nothing."""

    text: str
    colour: str = ""


def watch(look: Look, out: TextIO, *, every_s: float | None = None, as_json: bool = False) -> int:
    """Look again and again until Ctrl-C. A hub that is away may come back.

    Raises NotAllowed, and BrokenPipeError once nobody reads any more.
    """
    is_terminal = out.isatty() and not as_json
    pause_s = every_s or (EVERY_S if is_terminal else EVERY_PLAIN_S)
    show = _find_form(out, is_terminal=is_terminal, as_json=as_json)
    pressed: list[int] = []
    try:
        with _heeding_control_c(pressed):
            while not pressed:
                show(look)
                out.flush()
                _pause(out, pause_s)
    except KeyboardInterrupt:
        return 0
    return 0


def tell(look: Look) -> Iterator[Line]:
    """What is on the screen now."""
    try:
        status = look()
    except HubNotRunning as error:
        yield Line(str(error), YELLOW)
        yield Line(f"    {error.hint}")
        return
    yield from (Line(text) for text in describe(status) if not text.startswith("control"))
    for problem in status["problems"]:
        yield Line(problem["what"], RED if problem["needs_help"] else YELLOW)
        yield Line(f"    {problem['hint']}")


def draw(lines: Iterable[Line], size: os.terminal_size, *, has_colour: bool) -> str:
    """The screen from its first line on: cut where the terminal ends, the rest of it blank."""
    drawn = []
    for text, colour in list(lines)[: size.lines - 1]:
        fitting = text[: size.columns]
        is_coloured = has_colour and colour
        drawn.append(f"{colour}{fitting}{PLAIN}" if is_coloured else fitting)
    return HOME + "".join(f"{line}{END_OF_LINE}\n" for line in drawn) + BELOW


@contextmanager
def _heeding_control_c(pressed: list[int]) -> Iterator[None]:
    """Python drops a KeyboardInterrupt that comes while it frees an object; `pressed` keeps it."""

    def press(number: int, _frame: object) -> NoReturn:
        pressed.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _pause(out: TextIO, pause_s: float) -> None:
    """Let time pass. Raises BrokenPipeError as soon as nobody reads any more."""
    ended = select.poll()
    with suppress(OSError):  # what is no file cannot be closed by a reader
        ended.register(out.fileno(), 0)
    if ended.poll(pause_s * 1000):
        raise BrokenPipeError


def _find_form(out: TextIO, *, is_terminal: bool, as_json: bool) -> Callable[[Look], None]:
    if as_json:
        return lambda look: _append_json(look, out)
    if is_terminal:
        out.write(CLEAR)
        has_colour = not os.environ.get("NO_COLOR")
        return lambda look: _redraw(look, out, has_colour=has_colour)
    last: list[str] = []
    return lambda look: _append(look, out, last)


def _redraw(look: Look, out: TextIO, *, has_colour: bool) -> None:
    out.write(draw(tell(look), shutil.get_terminal_size(), has_colour=has_colour))


def _append(look: Look, out: TextIO, last: list[str]) -> None:
    """Add the lines that have become others."""
    lines = [line.text for line in tell(look)]
    out.writelines(f"{line}\n" for line in lines if line not in last)
    last[:] = lines


def _append_json(look: Look, out: TextIO) -> None:
    try:
        out.write(f"{json.dumps(look())}\n")
    except HubNotRunning as error:
        sys.stderr.write(f"{error}\n    {error.hint}\n")
