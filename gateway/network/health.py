"""What ails a modem, in words, and whether the hub can mend it or a person must."""

from __future__ import annotations

from typing import NamedTuple

from gateway import sentences
from gateway.network.modem import Modem, Registration, Sim, State
from gateway.network.routes import Networks


class Trouble(NamedTuple):
    """One thing amiss, after it has lasted for `patience_s`; `heals`: the ladder may mend it."""

    name: str
    what: str
    hint: str
    heals: bool = False
    patience_s: int = 0


def _split(sentence: str) -> tuple[str, str]:
    """What happened, and what to do."""
    what, hint = sentence.split(". ", 1)
    return f"{what}.", hint


LOOKING_S = 120  # so long a modem may look for a network before anybody is told
GONE_S = 600  # a modem that restarts is gone for a minute

SIMS = {
    Sim.MISSING: Trouble(
        "sim-missing",
        "There is no SIM card in the gateway.",
        "Push the SIM card in until it clicks, then switch the gateway off and on.",
        patience_s=LOOKING_S,
    ),
    Sim.PIN: Trouble(
        "sim-pin",
        "The SIM card asks for its PIN.",
        "Have its operator take the PIN off, or name it to NetworkManager: `gsm.pin`.",
        patience_s=LOOKING_S,
    ),
    Sim.PUK: Trouble(
        "sim-puk",
        "The SIM card is locked: a wrong PIN was tried too often.",
        "Swap the SIM card, or ask its operator for the PUK.",
    ),
    Sim.LOCKED: Trouble(
        "modem-locked",
        "The modem does not take this SIM card.",
        "Use a SIM card of the operator that sold the modem.",
    ),
    Sim.FAILED: Trouble(
        "sim-failed",
        "The SIM card does not work.",
        "Take it out and put it back; else swap it.",
        heals=True,
        patience_s=LOOKING_S,
    ),
}
NO_SIGNAL = Trouble(
    "no-signal",
    *_split(sentences.NO_SIGNAL.what),
    heals=True,
    patience_s=LOOKING_S,
)
NOT_LET_IN = Trouble(
    "sim-not-active",
    *_split(sentences.SIM_NOT_ACTIVE.what),
    heals=True,
    patience_s=LOOKING_S,
)
MODEM_FAILED = Trouble(
    "modem-failed",
    "The modem does not work.",
    "Switch the gateway off and on; else swap it.",
    heals=True,
    patience_s=LOOKING_S,
)
NOT_CONNECTED = Trouble(
    "not-connected",
    "There is mobile signal, but no connection.",
    "Nothing to do at first; then ask the operator whether this SIM card has data.",
    heals=True,
    patience_s=LOOKING_S,
)
NO_ANSWER = Trouble(
    "no-answer",
    "Mobile is connected, but nothing comes back.",
    "Nothing to do at first; then ask the operator whether this SIM card has data.",
    heals=True,
)
NOT_SET_UP = Trouble(
    "not-set-up",
    "No mobile connection is set up.",
    "`nmcli connection add type gsm ifname '*' apn NAME`, with the operator's name.",
    patience_s=LOOKING_S,
)
NOBODY_CONNECTS = Trouble(
    "no-networkmanager",
    "NetworkManager is missing: nobody connects the modem.",
    "`apt-get install network-manager`, or connect it by other means.",
    patience_s=LOOKING_S,
)
SWITCHED_OFF = Trouble(
    "mobile-off", "Mobile is switched off.", "`nmcli radio wwan on` switches it on."
)
GONE = Trouble(
    "modem-gone",
    "The modem is gone.",
    "Plug it in again, or switch the gateway off and on; else swap it.",
    patience_s=GONE_S,
)
NO_MODEMMANAGER = Trouble(
    "no-modemmanager",
    "ModemManager is missing, and with it the modem.",
    "`systemctl enable --now ModemManager`; before it `apt-get install modemmanager`.",
    patience_s=GONE_S,
)
TROUBLES = {
    each.name: each
    for each in (
        *SIMS.values(),
        *(NO_SIGNAL, NOT_LET_IN, MODEM_FAILED, NOT_CONNECTED, NO_ANSWER, NOT_SET_UP),
        *(NOBODY_CONNECTS, SWITCHED_OFF, GONE, NO_MODEMMANAGER),
    )
}


def judge(modem: Modem, networks: Networks | None, *, is_dead: bool) -> Trouble | None:
    """What is amiss now; `is_dead` where its connection brings nothing. None where all is well."""
    if networks and not networks.is_mobile_on:
        return SWITCHED_OFF
    if modem.sim is not Sim.READY:
        return SIMS[modem.sim]
    if modem.state is State.CONNECTED:
        return NO_ANSWER if is_dead else None
    return MODEM_FAILED if modem.state < State.ENABLED else _judge_way(modem, networks)


def _judge_way(modem: Modem, networks: Networks | None) -> Trouble:
    if modem.registration in (Registration.DENIED, Registration.LIMITED):
        return NOT_LET_IN
    if not modem.is_registered:
        return NO_SIGNAL
    if networks is None:
        return NOBODY_CONNECTS
    has_way = networks.mobile and networks.mobile.connections
    return NOT_CONNECTED if has_way else NOT_SET_UP
