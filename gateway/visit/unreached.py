"""Why a reading has not come to the office, as far as this hub can know: what to do is another."""

from __future__ import annotations

from gateway.network.health import NO_SIGNAL as UNHEARD
from gateway.network.health import NOT_LET_IN, TROUBLES
from gateway.reports import Facts
from gateway.sentences import NO_SIGNAL, OFFICE_SILENT, SIM_NOT_ACTIVE, Sentence

WIRED = ("ethernet", "wifi")
FAIR_BARS = 3
TEST_AGAIN = "Then: `vitalpost devices test {name}`."


def explain(network: Facts, *, is_reached: bool) -> Sentence:
    """The sentence, by the facts of the reporter "network"; `is_reached`: the broker is.

    Of a modem that nobody watches nothing is known but that the hub has no other way out.
    """
    if is_reached or network.get("route") in WIRED:
        return OFFICE_SILENT
    name = network.get("recovery", {}).get("trouble")
    if name == NOT_LET_IN.name:
        return SIM_NOT_ACTIVE
    if name in TROUBLES and name != UNHEARD.name:
        trouble = TROUBLES[name]
        return Sentence(name, trouble.what, f"{trouble.hint} {TEST_AGAIN}")
    is_heard = name is None and (network.get("bars") or 0) >= FAIR_BARS
    return OFFICE_SILENT if is_heard else NO_SIGNAL
