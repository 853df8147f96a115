"""Characteristics that a device need not have, or need not let us use."""

from __future__ import annotations

from drivers.errors import LinkError
from drivers.spi import Frame, GattLink


async def read_if_allowed(link: GattLink, characteristic: str) -> Frame | None:
    """The value; None where the device lacks the characteristic or refuses to have it read."""
    if not link.offers(characteristic):
        return None
    try:
        return Frame(characteristic, await link.read(characteristic))
    except LinkError as error:
        if not error.link_stands:
            raise
        return None


async def write_if_allowed(link: GattLink, characteristic: str, value: bytes) -> bool:
    """Whether the device took `value`; a refusal is an answer, a link that broke is not."""
    try:
        await link.write(characteristic, value)
    except LinkError as error:
        if not error.link_stands:
            raise
        return False
    return True
