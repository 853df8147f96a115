import json
import zipfile
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.errors import PackageUnusable
from backend.evidence_package.archive import MANIFEST, make_manifest, name_package, pack, unpack

FILES = {"cover.json": b"{}", "sealed/records.jsonl": b"line\n", "evidence.html": b"<html>"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "package.zip"


def write(path, entries, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries:
            archive.writestr(name, data)


def test_what_was_packed_comes_out_and_is_named_by_its_manifest(path):
    path.write_bytes(pack(FILES))
    assert unpack(path) == (FILES, name_package(make_manifest(FILES)))


def test_the_order_of_files_changes_nothing():
    assert pack(dict(reversed(FILES.items()))) == pack(FILES)


def test_the_manifest_is_first_and_nothing_is_compressed_or_dated():
    with zipfile.ZipFile(BytesIO(pack(FILES))) as archive:
        entries = archive.infolist()
    assert entries[0].filename == MANIFEST
    assert {(of.compress_type, of.date_time, of.external_attr) for of in entries} == {
        (zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0), 0o600 << 16)
    }


def refusal(path):
    with pytest.raises(PackageUnusable) as refused:
        unpack(path)
    assert refused.value.hint
    return refused.value.what


def test_what_is_no_zip_is_refused(path):
    path.write_bytes(b"something else")
    assert "damaged, or no zip" in refusal(path)


def test_what_is_not_there_is_refused(path):
    assert refusal(path) == "No such file or directory"


def test_another_zip_is_refused(path):
    write(path, [("notes.txt", b"hello")])
    assert "no manifest.json" in refusal(path)


def test_a_bomb_is_refused_before_it_is_read(path):
    write(path, [(MANIFEST, bytes(10_000_000))], zipfile.ZIP_DEFLATED)
    assert refusal(path) == "manifest.json is compressed or encrypted"


def test_an_entry_that_claims_to_be_larger_than_it_is_is_refused(path):
    data = bytearray(pack(FILES))
    at = data.index(b"PK\x01\x02") + 24  # the size in the first entry of the directory
    data[at : at + 4] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    assert refusal(path) == "it holds more than a package does"


def test_too_many_entries_are_refused(path):
    write(path, [(f"{'a' * (n % 30 + 1)}{'b' * (n // 30 + 1)}.txt", b"") for n in range(201)])
    assert refusal(path) == "it holds more than a package does"


@pytest.mark.parametrize("name", ["../up.json", "/root.json", "a/b/c.json", "UPPER.json", "x.exe"])
def test_a_name_that_leads_elsewhere_is_refused(path, name):
    write(path, [(name, b"")])
    assert refusal(path) == f"it has a file {name!r}"


@pytest.mark.filterwarnings("ignore:Duplicate name")  # zipfile warns of what this test makes
def test_two_files_of_one_name_are_refused(path):
    write(path, [("cover.json", b"{}"), ("cover.json", b"{ }")])
    assert refusal(path) == "it has a file 'cover.json'"


def test_a_file_that_is_not_the_one_of_the_manifest_is_named(path):
    manifest = make_manifest(FILES)
    write(path, [(MANIFEST, manifest), *(FILES | {"cover.json": b"{ }"}).items()])
    assert refusal(path) == "cover.json is not the one that manifest.json names"
    write(path, [(MANIFEST, manifest), *list(FILES.items())[1:]])
    assert refusal(path) == "'cover.json' is missing"
    write(path, [(MANIFEST, manifest), *FILES.items(), ("more.txt", b"")])
    assert refusal(path) == "more.txt is not the one that manifest.json names"


@pytest.mark.parametrize("manifest", [b"", b"[]", b'{"files": 1}', b'{"files": {"a": 1}}'])
def test_a_manifest_that_says_nothing_is_refused(path, manifest):
    write(path, [(MANIFEST, manifest), *FILES.items()])
    assert refusal(path) == "its manifest.json cannot be read"


def test_a_manifest_that_is_written_otherwise_is_refused(path):
    said = json.dumps(json.loads(make_manifest(FILES))).encode()
    write(path, [(MANIFEST, said), *FILES.items()])
    assert refusal(path) == "its manifest.json is written in another way"


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_becomes_of_the_file_it_is_one_error_or_the_same_files(path, data):
    found = bytearray(pack(FILES))
    cut = data.draw(st.integers(0, len(found)))
    for _ in range(data.draw(st.integers(0, 3))):
        found[data.draw(st.integers(0, len(found) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(found[:cut] if data.draw(st.booleans()) else found))
    try:
        files, _ = unpack(path)
    except PackageUnusable:
        return
    assert files == FILES
