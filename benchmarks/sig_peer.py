"""Runs in the peer's own environment: frames on stdin, what it says of them on stdout.

Ours, in which types are checked, has no bluetooth-sig: hence the ignored imports.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from typing import Any

from bluetooth_sig import BluetoothSIGTranslator  # type: ignore[import-not-found]
from bluetooth_sig.gatt.exceptions import BluetoothSIGError  # type: ignore[import-not-found]

ROUND_S = 0.3
ROUNDS = 3


def main() -> None:
    """Read each once for its values, then all of them again and again for the rate."""
    logging.disable(logging.CRITICAL)
    translator = BluetoothSIGTranslator()
    frames = [(of, bytes.fromhex(data)) for of, data in json.load(sys.stdin)]
    said = [dict(_flat(_read(translator, *frame))) for frame in frames]
    best_s = math.inf
    for _ in range(ROUNDS):
        rounds, began = 0, time.perf_counter()
        while (spent_s := time.perf_counter() - began) < ROUND_S:
            rounds += 1
            for frame in frames:
                _read(translator, *frame)
        best_s = min(best_s, spent_s / rounds)
    json.dump({"said": said, "rate": len(frames) / best_s}, sys.stdout)


def _read(translator: BluetoothSIGTranslator, of: str, frame: bytes) -> Any:
    try:
        return translator.parse_characteristic(of, frame)
    except BluetoothSIGError:
        return None


def _flat(value: Any, path: str = "") -> list[tuple[str, float]]:
    """Its numbers by the path to them."""
    found: list[tuple[str, float]] = []
    for name in getattr(value, "__struct_fields__", ()):
        each = getattr(value, name)
        if isinstance(each, int | float):
            found.append((path + name, float(each)))
        else:
            found += _flat(each, f"{path}{name}.")
    return found


main()
