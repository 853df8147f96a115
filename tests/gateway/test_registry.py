import subprocess
import sys

import pytest

from gateway.errors import DuplicateDriver, NameClash, SettingsError
from gateway.registry import ROOT, BrokenDriver, load_drivers

POINT = "[vitalpost.drivers]\n{} = {}\n"


def install(folder, distribution, point):
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(point)


def test_our_driver_is_registered_as_anyones_is(tmp_path, monkeypatch):
    (tmp_path / "acme_scale.py").write_text(
        "class Scale:\n    class info:\n        id = 'acme-scale'\n"
    )
    install(tmp_path, "acme", POINT.format("acme-scale", "acme_scale:Scale"))
    monkeypatch.syspath_prepend(tmp_path)
    assert {"acme-scale", "contec-cms50", "sig-blood-pressure"} <= set(load_drivers())


def test_a_driver_offered_by_two_distributions_is_refused_by_both_names(tmp_path, monkeypatch):
    install(tmp_path, "acme", POINT.format("sig-blood-pressure", "acme:Cuff"))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DuplicateDriver) as caught:
        load_drivers()
    assert caught.value.id == "sig-blood-pressure"
    assert set(caught.value.distributions) == {"acme", "vitalpost"}


@pytest.mark.parametrize(
    "target", ["acme_missing:Cuff", "drivers.blood_pressure:Missing", "drivers.spi:DriverInfo"]
)
def test_a_driver_that_cannot_be_loaded_is_named(target, tmp_path, monkeypatch):
    install(tmp_path, "acme", POINT.format("acme-cuff", target))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BrokenDriver) as caught:
        load_drivers()
    assert (caught.value.id, caught.value.distribution) == ("acme-cuff", "acme")
    assert isinstance(caught.value, SettingsError)


def test_a_driver_under_another_id_than_its_own_is_named(tmp_path, monkeypatch):
    install(tmp_path, "acme", POINT.format("acme-cuff", "drivers.blood_pressure:BloodPressure"))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BrokenDriver, match="sig-blood-pressure"):
        load_drivers()


def test_a_strangers_uplink_is_refused_with_both_places(tmp_path):
    (tmp_path / "uplink").mkdir()
    (tmp_path / "uplink" / "__init__.py").touch()
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import gateway.registry
sys.path.insert(0, {str(tmp_path)!r})
try:
    gateway.registry.load_drivers()
except gateway.registry.NameClash as clash:
    print(clash.name, *clash.owners)
"""
    found = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert found.stdout.split() == ["uplink", str(ROOT / "uplink"), str(tmp_path / "uplink")]
    assert NameClash("uplink", ()).hint
