"""Flash: whether it can be written, what waits on it, how full and how worn it is."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_bytes

from gateway.doctor.finding import Finding, Mark, Term, fail, ok, warn
from gateway.doctor.site import AS_HUB, Site
from gateway.words import span

PROBE = ".doctor"
PROBE_BYTES = 64 << 10
ENOUGH_PERCENT = 15
LITTLE_PERCENT = 5
FULL_PERCENT = 80
LONG_S = 86_400
WORN_STEPS = 8
STEP_PERCENT = 10  # JESD84-B51: life time is told in steps of 10 %, 0x0B is past it
PAST_LIFE = 0x0B
REPLACE = "Replace the card soon; the office takes what waits on it first."
SWAP = "Do not leave this hub here: swap it. Keep its card for support."
MAKE_ROOM = "Find out what else writes there: `du -x / | sort -n | tail`."
REACH = "Bring the hub online; readings are kept until then."
LOOK = "`vitalpost outbox stats` says why; once mended, `vitalpost outbox requeue`."


def look_at_storage(site: Site) -> Finding:
    """Whether what is written to the hub's state is on flash, and reads as it was written."""
    folder = Path(site.settings.hub.state)
    if not folder.is_dir():
        return fail("there is no folder {0}", "Start the hub once: it makes it.", folder)
    path, written = folder / f"{PROBE}-{os.getpid()}", token_bytes(PROBE_BYTES)
    try:
        try:
            _write(path, written)
            read = path.read_bytes()
        finally:
            path.unlink(missing_ok=True)
    except PermissionError:
        return warn("not looked at: you may not write to {0}", AS_HUB, folder)
    except OSError as error:
        why = Term(error.strerror or type(error).__name__)
        return fail("the card does not take what is written: {0}", SWAP, why)
    if read != written:
        return fail("the card gives back other bytes than were written", SWAP)
    return ok("written, on flash, and read again")


def look_at_outbox(site: Site) -> Finding:
    """What waits for the office, since when, and how much room is left for it."""
    status = site.status["outbox"]
    held = site.ask("outbox-stats")
    percent = 100 * held["used_bytes"] // held["quota_bytes"]
    waiting, oldest_s = status["waiting"], status["oldest_s"] or 0
    if percent >= 100:  # noqa: PLR2004  all of it
        return fail("it is full: new readings are refused; {0} wait", REACH, waiting)
    if percent >= FULL_PERCENT:
        return warn("{0} % of its room is used, {1} wait", REACH, percent, waiting)
    if status["quarantined"]:
        return warn("{0} records are in quarantine", LOOK, status["quarantined"])
    if oldest_s > LONG_S:
        return warn("{0} wait, the oldest for {1}", REACH, waiting, Term(span(oldest_s)))
    if waiting:
        return ok("{0} wait, the oldest for {1}", waiting, Term(span(oldest_s)))
    return ok("nothing waits; {0} % of its room is used", percent)


def look_at_disk(site: Site) -> Finding:
    """How much of the file system of the hub's state is free."""
    state = Path(site.settings.hub.state)
    folder = next(each for each in (state, *state.parents) if each.exists())
    room = os.statvfs(folder)
    percent = 100 * room.f_bavail // max(1, room.f_blocks)
    free_mb = room.f_bavail * room.f_frsize // 1_000_000
    if percent < LITTLE_PERCENT:
        return fail("{0} MB are free, {1} %", MAKE_ROOM, free_mb, percent)
    if percent < ENOUGH_PERCENT:
        return warn("{0} MB are free, {1} %", MAKE_ROOM, free_mb, percent)
    return ok("{0} MB are free, {1} %", free_mb, percent)


def look_at_wear(site: Site) -> Finding:
    """How worn the flash is, where it tells: eMMC does, most cards do not."""
    steps = [
        int(step, 16)
        for told in (site.machine / "sys/block").glob("mmcblk*/device/life_time")
        for step in told.read_text("ascii").split()
    ]
    worst = max(steps, default=0)
    if not worst:
        return ok("not told by this flash")
    if worst >= PAST_LIFE:
        return fail("the flash is past the life its maker gives it", REPLACE)
    mark = Mark.WARN if worst > WORN_STEPS else Mark.OK
    hint = REPLACE if worst > WORN_STEPS else ""
    return Finding(mark, "up to {0} % of its life is used", hint, (worst * STEP_PERCENT,))


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        # So that it is read from flash and not from memory.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
