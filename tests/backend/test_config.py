import pytest

from backend.config import load
from backend.errors import ConfigErrors

SOUND = """
[ledger]
path = "ledger.db"
[keys]
dir = "keys"
[broker]
host = "broker.example"
"""


def test_sound_settings_have_defaults(tmp_path):
    path = tmp_path / "backend.toml"
    path.write_text(SOUND)
    settings = load(path)
    assert (settings.broker.port, settings.broker.prefix) == (8883, "vitalpost")
    assert settings.clock.source == "system"
    assert settings.key_file("ca.crt").parts == ("keys", "ca.crt")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("[ledger]\npath = 1\n[keys]\ndirr = 2\n", ["ledger.path", "keys.dirr", "broker"]),
        (SOUND + "port = 0", ["broker.port"]),
        (SOUND + "port = '8883'", ["broker.port"]),
        (SOUND + "prefix = 'a/#'", ["broker.prefix"]),
        (SOUND + "[clok]", ["clok"]),
        ("ledger = 1" + SOUND.replace("[ledger]\npath", "[other]\npath"), ["other", "ledger"]),
        ("[broker]\n", ["ledger", "keys", "broker.host"]),
    ],
)
def test_the_first_fault_of_each_table_is_named_by_its_path(tmp_path, text, faults):
    path = tmp_path / "backend.toml"
    path.write_text(text)
    with pytest.raises(ConfigErrors) as caught:
        load(path)
    assert [fault.path for fault in caught.value.faults] == faults
    assert all(fault.found and fault.wanted for fault in caught.value.faults)


@pytest.mark.parametrize("content", [None, b"\xff", b"no toml"])
def test_a_file_that_cannot_be_read_is_one_fault(tmp_path, content):
    path = tmp_path / "backend.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigErrors) as caught:
        load(path)
    assert [fault.path for fault in caught.value.faults] == [str(path)]
