"""What a technician is told at a set-up visit: what happened, and what to do; no codes, no blame.

The command line and the page say the same words. A sentence has at most twelve of them.
"""

from __future__ import annotations

from typing import NamedTuple


class Sentence(NamedTuple):
    """What happened, in words, and what to do next."""

    event: str
    what: str
    hint: str


LOOK_AGAIN = "Look again: `vitalpost devices add`."

DECLINED = Sentence(
    "declined", "The patient does not want this service.", "Nothing was added. You can leave."
)
WINDOW_CLOSED = Sentence(
    "window-closed",
    "Setup has closed to keep this gateway safe. Hold the button for 3 seconds.",
    "On the command line: `vitalpost setup open`.",
)
SOMEONE_ELSE = Sentence(
    "someone-else",
    "Another phone is connected. Ask them to finish or hold the button again.",
    "On the command line: `vitalpost setup close` ends what they do.",
)
NO_SIGNAL = Sentence(
    "no-signal",
    "No mobile signal here. Move the gateway near a window, then check again.",
    "Check again: `vitalpost devices test {name}`. Or leave: it is sent by itself, later.",
)
SIM_NOT_ACTIVE = Sentence(
    "sim-not-active",
    "The gateway has signal but is not let in. Call us with {hub}.",
    "Then: `vitalpost devices test {name}`. Or leave: it is sent by itself, later.",
)
OFFICE_SILENT = Sentence(
    "office-silent",
    "Signal is good. The office did not answer. The reading is safe.",
    "Try again: `vitalpost devices test {name}`.",
)
OFFICE_REFUSED = Sentence(
    "office-refused",
    "The office did not take this reading. The reading is safe.",
    "Call us: `vitalpost outbox stats` says why.",
)
NOT_FOUND = Sentence(
    "not-found",
    "No {noun} found. {sign} Hold it next to the gateway.",
    f"{LOOK_AGAIN} Else try new batteries, or a different model.",
)
HELD = Sentence(
    "held",
    "Another phone may be using it. Turn off Bluetooth there, or remove it there.",
    LOOK_AGAIN,
)
NOT_PAIRED = Sentence(
    "not-paired",
    "The {noun} did not pair. {sign} Hold it next to the gateway.",
    f"{LOOK_AGAIN} If it shows a number, say it with `--passkey`.",
)
UNSUPPORTED = Sentence(
    "unsupported",
    "This model is not supported. Supported models: {models}",
    "`vitalpost drivers list` names them all.",
)
WRONG_SERIAL = Sentence(
    "wrong-serial",
    "This serial is not in this kit. Use it anyway?",
    "Nothing was added. If it is right, say `--serial` as on its label, or `--yes` alone.",
)
NOT_CONFIRMED = Sentence(
    "not-confirmed", "Nothing was added.", "Turn the other one off, then look again."
)
TWO_FOUND = Sentence(
    "two-found",
    "Two found. Turn one off, or choose by the last four digits.",
    "`vitalpost devices add --ends 0412`, or `--address` as `vitalpost scan` shows it.",
)
NO_READING = Sentence(
    "no-reading",
    "No reading has come. Ask the patient to take a reading now.",
    "The {noun} stays added. Then: `vitalpost devices test {name}`.",
)
ABANDONED = Sentence("abandoned", "Nobody has asked any more.", LOOK_AGAIN)
CRASHED = Sentence("crashed", "This gateway has failed at it.", "Report it with the version.")

CLOCK_WRONG = "The {noun}'s clock is wrong. The gateway will set it."
CLOCK_BY_HAND = "The {noun}'s clock is wrong. Set it by hand: its booklet says how."
BOND_LOST = "This {noun} must be added again. Nothing is lost."
ADD_AGAIN = "Add again: `vitalpost setup open`, then `vitalpost devices add --address {address}`."
NOT_HEARD = "Nothing from the {noun} since yesterday. Bring it closer; it will send by itself."
CLOCK_UNSURE = "The gateway is getting the time from the network. Readings are kept."
FAULT = "This gateway has a fault. Do not leave it here. Swap it."

CONSENT = "Patient agreed to this service?"
HOLD_BUTTON = "Hold its button until P blinks."
HOLD_ANY = "Hold its button until it blinks."
IS_ON_LABEL = "Is this on the label?"
TAKE_READING = "Ask the patient to take a reading now."
SAME_NUMBERS = "Same numbers on the device?"
DELIVERED = "The office has the reading."
SAVED = (
    "Saved in the gateway.",
    "NOT at the office yet.",
    "Safe for 90 days.",
    "Do not call it finished.",
)
OLD_STOPS = ("The old one stops now.", "History and days stay.")


def fill(sentence: Sentence, **words: str) -> Sentence:
    """The sentence about a certain device."""
    return Sentence(sentence.event, sentence.what.format(**words), sentence.hint.format(**words))
