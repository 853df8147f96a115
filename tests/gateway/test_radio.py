from bleak.backends.bluezdbus.manager import BlueZManager
from bleak.backends.device import BLEDevice

from gateway.links.radio import BluezRadio

CUFF = "/org/bluez/hci0/dev_F0_00_00_12_34_56"


async def test_bluez_is_asked_for_the_bond_of_the_very_device_that_was_sighted():
    radio = BluezRadio("hci0")
    radio._bluez = BlueZManager()
    radio._bluez._properties[CUFF] = {"org.bluez.Device1": {"Paired": True}}
    bonded = BLEDevice("F0:00:00:12:34:56", "cuff", {"path": CUFF})
    assert await radio.is_bonded(bonded) is True
    radio._bluez._properties[CUFF]["org.bluez.Device1"]["Paired"] = False
    assert await radio.is_bonded(bonded) is False
    imitation = BLEDevice("F0:00:00:12:34:56", "cuff", {"path": CUFF + "_2"})
    assert await radio.is_bonded(imitation) is False
