"""How a device on the virtual radio bonds: by Just Works, or by a passkey that it shows."""

from __future__ import annotations

from bumble.pairing import PairingConfig, PairingDelegate

DIGITS = 6
ENCRYPTION_KEY = PairingDelegate.KeyDistribution.DISTRIBUTE_ENCRYPTION_KEY


class PasskeyDelegate(PairingDelegate):
    """One end of a passkey entry: the device shows the number, the hub is told it."""

    def __init__(self, passkey: int, *, shows: bool) -> None:
        super().__init__(
            self.DISPLAY_OUTPUT_ONLY if shows else self.KEYBOARD_INPUT_ONLY,
            local_initiator_key_distribution=ENCRYPTION_KEY,
            local_responder_key_distribution=ENCRYPTION_KEY,
        )
        self._passkey = passkey

    async def generate_passkey(self) -> int:
        """What is printed on the device, or stands on its display."""
        return self._passkey

    async def get_number(self) -> int:
        """What somebody has typed in."""
        return self._passkey

    async def confirm(self, auto: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002  Bumble's signature
        """Just Works, where the other end has no keyboard: not with this device."""
        return False


# Without identity keys: nobody here rotates an address, and Bumble scans to resolve one.
JUST_WORKS = PairingConfig(
    mitm=False,
    delegate=PairingDelegate(
        local_initiator_key_distribution=ENCRYPTION_KEY,
        local_responder_key_distribution=ENCRYPTION_KEY,
    ),
)


def by_passkey(passkey: int, *, shows: bool) -> PairingConfig:
    """Protected by six digits against a stranger in between. Raises ValueError for others."""
    if not 0 <= passkey < 10**DIGITS:
        raise ValueError(f"a passkey has up to {DIGITS} digits")
    return PairingConfig(mitm=True, delegate=PasskeyDelegate(passkey, shows=shows))
