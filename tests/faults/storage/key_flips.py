"""Random bytes of one key file are flipped: it is named, or what it holds is as it was."""

from __future__ import annotations

import ssl
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from structlog.testing import capture_logs

from backend.errors import KeyUnusable
from backend.keys.folder import load_opening_keys, load_receipt_keys
from backend.keys.keygen import make_keys
from gateway.errors import ConfigErrors
from gateway.identity.credentials import load_credentials
from gateway.identity.renewal import ANSWER
from tests.fakes.hub_folder import Office
from tests.faults.run import Result, Run
from tests.faults.storage.flips import damage
from tests.faults.storage.keyring import Visit
from uplink.keys import X25519, X_WING

OFFICES = ("hpke.key", "receipt.key")


async def flipped_keys(run: Run) -> Result:
    """One file of a hub or of its office at a time."""
    visit = Visit(run.folder / "hub", Office())
    with capture_logs():
        visit.play(lambda *_: None)
    keys = run.folder / "office"
    make_keys(keys, None, (X_WING, X25519))
    files = [*visit.keys.iterdir(), visit.state / ANSWER, *(keys / name for name in OFFICES)]
    truth = _hub(visit), _office(keys)
    found: Counter[str] = Counter()
    for _ in range(seeds := run.either(150, 1000)):
        path = run.dice.choice(files)
        whole = path.read_bytes()
        damage([path], Random(run.dice.randrange(1 << 32)))
        outcome = _try(visit, keys, path, truth)
        path.write_bytes(whole)
        if outcome not in {"refused by name", "said and left unused", "unharmed"}:
            return Result(seeds, violation=f"{path.name}: {outcome}")
        found[outcome] += 1
    note = ", ".join(f"{count} {what}" for what, count in sorted(found.items()))
    return Result(seeds, note=f"64, 8 or 1 bytes of {len(files)} files: {note}")


def _try(visit: Visit, keys: Path, path: Path, truth: tuple[Any, Any]) -> str:
    try:
        with capture_logs() as logs:
            found = _hub(visit), _office(keys)
    except ConfigErrors as refused:
        names = {Path(fault.path).name for fault in refused.faults}
        return "refused by name" if names == {path.name} else f"{names} are blamed for it"
    except KeyUnusable as refused:
        names = {path.name, path.with_suffix(".pub").name}
        return "refused by name" if refused.path.name in names else f"{refused.path} is blamed"
    except (ValueError, OSError, ssl.SSLError) as fault:
        return f"it ends in {fault!r}"
    if path.name == ANSWER and any(line["event"] == "office-answer-ignored" for line in logs):
        return "said and left unused"
    return "unharmed" if found == truth else "another key is in use"


def _hub(visit: Visit) -> Any:
    """All by which a hub signs, seals and believes."""
    installed, held = load_credentials(visit.keys), visit.start().credentials
    return [
        (
            each.signer.public(),
            [key.data for key in each.sealing_keys],
            each.receipt_keys,
            *(file.read_text() for file in (each.tls_key, each.tls_certificate, each.broker_ca)),
            each.told_ms,
        )
        for each in (installed, held)
    ]


def _office(keys: Path) -> Any:
    receipt = [key.public() for key in load_receipt_keys(keys)]
    return {name: key.public().data for name, key in load_opening_keys(keys).items()}, receipt
