import asyncio

import pytest

from simulator.box import Box


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (
            "light  receiving\nlight  at-the-office\nsound  two rising beeps\n",
            "at-the-office, two rising beeps",
        ),
        ("light  saved-not-sent\nlight  ready\n", "saved-not-sent"),
        ("light  ready\n", ""),
    ],
)
async def test_the_answer_to_a_measuring_is_told_with_its_sound(tmp_path, lines, answer):
    file = tmp_path / "light"
    box = Box(file)
    box.skip()
    file.write_text("light  at-the-office\nsound  two rising beeps\n")
    box.skip()

    async def say():
        with file.open("a") as opened:
            opened.write(lines)

    _, said = await asyncio.gather(say(), box.answer(20 if answer else 0.5))
    assert said == answer
