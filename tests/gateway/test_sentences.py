import re
import string
from pathlib import Path

import pytest

from gateway import sentences
from gateway.sentences import Sentence

ROOT = Path(__file__).parents[2]
LONGEST = 12
TOLD = [one for one in vars(sentences).values() if isinstance(one, Sentence)]
WORDS = {
    "noun": "monitor",
    "sign": "Is P blinking?",
    "name": "cuff",
    "models": "A",
    "address": "F0",
    "hub": "G-4F2A",
}


def every_text():
    for name, told in vars(sentences).items():
        if isinstance(told, Sentence):
            yield name, told.what
        elif name.isupper() and isinstance(told, str) and not name.startswith("LOOK"):
            yield name, told
        elif name.isupper() and isinstance(told, tuple):
            yield from ((name, part) for part in told)


@pytest.mark.parametrize(("name", "text"), list(every_text()))
def test_a_sentence_has_at_most_twelve_words_and_no_code(name, text):
    spoken = re.sub(r"`[^`]+`", "this", text.format(**WORDS))
    for sentence in re.split(r"[.?:;]", spoken):
        assert len(sentence.split()) <= LONGEST, (name, sentence)


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told.event)
def test_each_sentence_says_what_to_do_next_and_has_an_event_of_its_own(told):
    assert told.hint
    assert [one.event for one in TOLD].count(told.event) == 1
    gaps = {gap for _, gap, _, _ in string.Formatter().parse(told.what + told.hint) if gap}
    assert gaps <= WORDS.keys()


def test_every_sentence_is_said_somewhere():
    said = "".join(
        path.read_text() for path in (ROOT / "gateway").rglob("*.py") if path.name != "sentences.py"
    )
    names = {name for name, _ in every_text()}
    assert {name for name in names if not re.search(rf"\b{name}\b", said)} == set()
