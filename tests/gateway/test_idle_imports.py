from pathlib import Path

from tests.fakes.idle_imports import list_imports

LIST = Path(__file__).parents[1] / "idle-imports.txt"


def test_an_idle_hub_imports_nothing_that_is_not_on_the_list(tmp_path):
    imported = set(list_imports(tmp_path).splitlines())
    assert "gateway.links.ble" in imported
    more = imported - set(LIST.read_text().splitlines())
    assert not more, "if it must be: python -m tests.fakes.idle_imports > tests/idle-imports.txt"
