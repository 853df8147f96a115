"""How what the hub has from the office is renewed over the air, as far as the forwarder knows."""

from __future__ import annotations

from math import inf
from typing import Protocol

from uplink.route import Route


class Renewal(Protocol):
    """`ask_at` is the instant, by the forwarder's clock, from which on the hub is to ask."""

    ask_at: float

    def ask(self, now: float) -> bytes:
        """A signed request for what has changed; the next one is due later."""

    def take(self, payload: bytes) -> bool:
        """Whether this came as an answer; what does not hold in one is said and left."""

    def reroute(self, route: Route) -> Route:
        """The route as it is now: its TLS from the next connection on, its keys at once."""


class NoRenewal:
    """Nothing is asked, and nothing is an answer."""

    ask_at = inf

    def ask(self, now: float) -> bytes:
        """Never called."""
        raise AssertionError(f"nothing is ever due, and {now} is")

    def take(self, payload: bytes) -> bool:  # noqa: ARG002  the protocol's
        """It is none."""
        return False

    def reroute(self, route: Route) -> Route:
        """As it was."""
        return route
