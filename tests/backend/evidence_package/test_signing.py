import json

import pytest

from backend.errors import PackageUnusable, SignOffRefused
from backend.evidence_package.signing import SignOff, find_strangers, load_sign_offs, sign_off
from tests.backend.evidence_package.made import asked

NAME = "ab" * 32


def signed(path, by, name=NAME):
    return sign_off(path, asked(made_by="Counter One"), SignOff(name, by, "2026-05-02", "seen"))


def test_who_did_not_count_signs_off_beside_the_package(path):
    beside = signed(path, "checker-2")
    assert beside.name == "package.zip.signed.json"
    assert [(of.by, of.package) for of in load_sign_offs(path)] == [("checker-2", NAME)]
    assert beside.stat().st_mode & 0o777 == 0o600
    signed(path, "checker-3")
    assert [of.by for of in load_sign_offs(path)] == ["checker-2", "checker-3"]


@pytest.mark.parametrize("by", ["Counter One", "counter  one ", "COUNTER ONE"])
def test_who_counted_does_not(path, by):
    with pytest.raises(SignOffRefused, match="made this package"):
        signed(path, by)
    assert load_sign_offs(path) == []


@pytest.mark.parametrize("by", ["", "  "])
def test_nobody_does_not(path, by):
    with pytest.raises(SignOffRefused, match="nobody"):
        signed(path, by)


def test_nobody_signs_twice_but_another_package_may_have_come_in_its_place(path):
    signed(path, "checker-2")
    with pytest.raises(SignOffRefused, match="already"):
        signed(path, "Checker-2")
    signed(path, "checker-2", "cd" * 32)
    assert find_strangers(path, NAME) == ["checker-2"]


@pytest.mark.parametrize("data", [b"", b"{}", b'[{"by": 1}]', b"[" * 10_000])
def test_what_stands_beside_and_is_no_sign_off_is_an_error(path, data):
    path.with_name("package.zip.signed.json").write_bytes(data)
    with pytest.raises(PackageUnusable):
        load_sign_offs(path)


def test_it_is_plain_json(path):
    said = json.loads(signed(path, "checker-2").read_text())
    assert said == [{"package": NAME, "by": "checker-2", "at": "2026-05-02", "statement": "seen"}]
