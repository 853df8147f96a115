import pytest

from drivers.device_information import decode_battery, decode_text
from drivers.errors import DecodeError
from drivers.spi import Frame


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("4f4d524f4e4845414c544843415245", "OMRONHEALTHCARE"),  # userx14/omblepy issue #58
        ("554132353100", "UA251"),
        ("4126 44204d65646963616c20", "A&D Medical"),
        ("4265757265f2", "Beure\N{REPLACEMENT CHARACTER}"),
        ("", ""),
    ],
)
def test_a_text_loses_its_padding_and_nothing_else(sent, text):
    assert decode_text(bytes.fromhex(sent)) == text


@pytest.mark.parametrize("percent", [0, 100])
def test_a_battery_has_up_to_100_percent(percent):
    assert decode_battery(Frame("2A19", bytes([percent]))).percent == percent


@pytest.mark.parametrize("sent", ["65", "ff", "", "6400"])
def test_a_battery_level_that_cannot_be_is_refused(sent):
    with pytest.raises(DecodeError):
        decode_battery(Frame("2A19", bytes.fromhex(sent)))
