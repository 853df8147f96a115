"""The lines of a page that are meant for a machine: blocks of ```sh NAME."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def find_blocks(page):
    """(machine, lines) in the order of the page."""
    return re.findall(
        r"^```sh (\w+)\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL
    )
