"""Which drivers are installed: the entry points of `vitalpost.drivers`, ours and anyone's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from drivers.spi import Driver
from gateway.errors import DuplicateDriver, NameClash, SettingsError

GROUP = "vitalpost.drivers"
PACKAGES = ("drivers", "gateway", "uplink")
ROOT = Path(__file__).resolve().parents[1]


class BrokenDriver(SettingsError):
    """The driver `id` of `distribution` cannot be used, for `reason`."""

    hint = "Reinstall the distribution that offers it, or uninstall it."

    def __init__(self, id: str, distribution: str, reason: str) -> None:  # noqa: A002  the entry point's own word
        super().__init__(f"driver {id} of {distribution}: {reason}")
        self.id = id
        self.distribution = distribution
        self.reason = reason


def load_drivers() -> Mapping[str, Driver]:
    """Every installed driver by its id. Raises NameClash, DuplicateDriver, BrokenDriver."""
    refuse_strangers(PACKAGES, ROOT)
    offered: dict[str, list[EntryPoint]] = {}
    for point in sorted(entry_points(group=GROUP)):
        offered.setdefault(point.name, []).append(point)
    return {id_: _load(id_, points) for id_, points in offered.items()}


def refuse_strangers(packages: Sequence[str], root: Path) -> None:
    """Raise NameClash for a package that does not lie in `root`, beside this one.

    The names are generic, and an `uplink` on PyPI shadows an editable checkout without a word.
    """
    for name in packages:
        spec = find_spec(name)
        places = spec.submodule_search_locations if spec else None
        found = [str(Path(place).resolve()) for place in places or ()]
        if found != [str(root / name)]:
            raise NameClash(name, (str(root / name), *found))


def _load(id_: str, points: Sequence[EntryPoint]) -> Driver:
    if len(points) > 1:
        raise DuplicateDriver(id_, [_owner(point) for point in points])
    try:
        driver: Driver = points[0].load()()
        known_as = driver.info.id
    except (ImportError, SyntaxError, AttributeError, TypeError) as error:
        raise BrokenDriver(id_, _owner(points[0]), f"{type(error).__name__}: {error}") from error
    if known_as != id_:
        raise BrokenDriver(id_, _owner(points[0]), f"it calls itself {known_as}")
    return driver


def _owner(point: EntryPoint) -> str:
    """The distribution that offers it; to ask is to parse its metadata."""
    return point.dist.name if point.dist else "no distribution"
