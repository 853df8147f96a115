import re
import textwrap
from pathlib import Path

import pytest

from tests.fakes.example_drivers import EXAMPLE, install, vitalpost

PAGE = (Path(__file__).parents[2] / "docs" / "writing-a-driver.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [
    (lines[0], lines[1:])
    for kind, text in BLOCKS
    if kind == "console"
    for lines in (part.splitlines() for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:])
]


def sources(*endings):
    files = (file for ending in endings for file in EXAMPLE.rglob(f"*{ending}"))
    return [re.sub(r"\n\n+", "\n\n", file.read_text()) for file in files]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return install(tmp_path_factory.mktemp("site"))


def test_the_page_shows_code_frames_and_commands():
    assert {kind for kind, _ in BLOCKS} == {"python", "toml", "console"}


@pytest.mark.parametrize("block", [text for kind, text in BLOCKS if kind == "python"])
def test_the_code_is_that_of_the_example(block):
    assert any(block in text for text in sources(".py")), textwrap.shorten(block, 80)


@pytest.mark.parametrize("block", [text for kind, text in BLOCKS if kind == "toml"])
def test_the_frames_are_those_of_the_example(block):
    assert any(block.strip() in text for text in sources(".toml")), textwrap.shorten(block, 80)


@pytest.mark.parametrize(("command", "said"), COMMANDS)
def test_the_commands_say_what_the_page_says(installed, command, said):
    program, *words = command.split()
    done = vitalpost(installed, *words)
    assert program == "vitalpost"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == said
