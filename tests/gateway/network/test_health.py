import re
from pathlib import Path

import pytest

from gateway.network import health
from gateway.network.health import Trouble

PAGE = (Path(__file__).parents[3] / "docs/operations.md").read_text()
TROUBLES = [
    *(each for each in vars(health).values() if isinstance(each, Trouble)),
    *health.SIMS.values(),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_each_trouble_is_explained_with_its_words_and_whether_the_hub_mends_it(trouble):
    mended = "tried" if trouble.heals else "no"
    assert f"| `{trouble.name}` | {trouble.what} | {mended} |" in PAGE


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_what_is_said_has_at_most_twelve_words_a_sentence(trouble):
    assert all(len(each.split()) <= 12 for each in re.split(r"[.:;] ?", trouble.what))


def test_no_two_troubles_share_a_name():
    names = [trouble.name for trouble in TROUBLES]
    assert len(names) == len(set(names)) == 15
