"""What must lie nowhere in the clear, in the forms in which it could."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Iterator, Mapping
from decimal import Decimal


def forms_of(data: bytes) -> Iterator[bytes]:
    """Bytes as they may lie anywhere: as they are, in hex, in base64 at any offset."""
    yield from (data, data.hex().encode(), data.hex().upper().encode())
    for shift in range(3):
        yield b64encode(bytes(shift) + data)[4 : -4 - shift]


def forms_of_value(value: Decimal) -> Iterator[bytes]:
    """A number as text, as the integer of its digits, as a float."""
    digits = int(str(value).replace(".", ""))
    size = (digits.bit_length() + 7) // 8
    yield from (str(value).encode(), str(digits).encode())
    yield from (digits.to_bytes(size, "big"), digits.to_bytes(size, "little"))
    yield from (struct.pack(order + "d", float(value)) for order in "<>")


class Canaries:
    """Each under a name; `found_in` says which of them lie in some bytes."""

    def __init__(self) -> None:
        self._forms: dict[str, tuple[bytes, ...]] = {}

    def __len__(self) -> int:
        return len(self._forms)

    def plant(self, name: str, what: bytes | str | Decimal) -> None:
        """One more to be sought."""
        assert name not in self._forms
        match what:
            case Decimal():
                forms = [*forms_of_value(what), *forms_of(str(what).encode())]
            case str():
                forms = [*forms_of(what.encode()), *forms_of(what.encode("utf-16-le"))]
            case _:
                forms = list(forms_of(what))
        self._forms[name] = tuple(dict.fromkeys(forms))

    def found_in(self, data: bytes) -> set[str]:
        """The names of those that lie there in any form."""
        return {name for name, forms in self._forms.items() if any(f in data for f in forms)}

    def found(self, places: Mapping[str, bytes]) -> dict[str, set[str]]:
        """Of each place what was found there; places without are left out."""
        told = {place: self.found_in(data) for place, data in places.items()}
        return {place: names for place, names in told.items() if names}
