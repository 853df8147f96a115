import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.cli import main
from backend.errors import KeyUnusable, OutputRefused, SealedFileRefused
from backend.guarding.exports import write_export
from backend.guarding.sealed_files import CHUNK_BYTES, seal, unseal
from backend.keys.keygen import make_recipient
from uplink.keys import X25519, X_WING, OpeningKey

KEYS = {suite: OpeningKey.generate(suite) for suite in (X25519, X_WING)}
KEY = KEYS[X25519]
SEALED_CHUNK = CHUNK_BYTES + 16
HEADER = 19 + 2 + 8 + 2 + 32 + 48
THREE = b"".join(bytes([n]) * CHUNK_BYTES for n in range(2)) + b"the end"


def write(path, plaintext, key=KEY):
    path.write_bytes(b"".join(seal([plaintext], key.public())))
    return path


def open_all(path, key=KEY):
    return b"".join(unseal(path, key))


@pytest.mark.parametrize("suite", KEYS)
@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 200_000]
)
def test_what_was_sealed_opens_with_the_recipients_key(tmp_path, suite, size):
    plaintext = bytes(n % 251 for n in range(size))
    path = write(tmp_path / "sealed", plaintext, KEYS[suite])
    assert open_all(path, KEYS[suite]) == plaintext


def test_parts_of_any_size_make_the_same_chunks(tmp_path):
    path = tmp_path / "sealed"
    parts = [THREE[at : at + 7_777] for at in range(0, len(THREE), 7_777)]
    sealed = b"".join(seal(parts, KEY.public()))
    path.write_bytes(sealed)
    assert len(sealed) == HEADER + 2 * SEALED_CHUNK + 7 + 16
    assert open_all(path) == THREE


def test_no_two_files_are_alike_and_none_shows_what_it_holds(tmp_path):
    one, other = (write(tmp_path / name, b"canary" * 100).read_bytes() for name in "ab")
    assert one[HEADER:] != other[HEADER:]
    assert b"canary" not in one


def cut(data, first, last):
    return data[:first] + data[last:]


def chunk(number):
    return HEADER + number * SEALED_CHUNK


SPOILED = {
    "cut after a whole chunk": lambda data: data[: chunk(2)],
    "cut after the first chunk": lambda data: data[: chunk(1)],
    "cut within a chunk": lambda data: data[: chunk(1) + 100],
    "cut to its header": lambda data: data[: chunk(0)],
    "cut within its header": lambda data: data[: HEADER - 1],
    "nothing": lambda data: b"",
    "a byte more": lambda data: data + b"\0",
    "a chunk left out": lambda data: cut(data, chunk(0), chunk(1)),
    "a chunk twice": lambda data: data[: chunk(1)] + data[chunk(0) :],
    "two chunks swapped": lambda data: (
        data[: chunk(0)] + data[chunk(1) : chunk(2)] + data[chunk(0) : chunk(1)] + data[chunk(2) :]
    ),
    "a flipped bit in a chunk": lambda data: flip(data, chunk(1) + 5),
    "a flipped bit in a tag": lambda data: flip(data, len(data) - 1),
    "a flipped bit in the sealed key": lambda data: flip(data, HEADER - 1),
    "another suite": lambda data: flip(data, 20),
    "a longer key than there is": lambda data: flip(data, 29),
    "another program's file": lambda data: b"PK" + data,
}


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("how", SPOILED)
def test_what_is_not_whole_is_refused_and_nothing_is_written(tmp_path, how):
    path, out = write(tmp_path / "sealed", THREE), tmp_path / "out"
    path.write_bytes(SPOILED[how](path.read_bytes()))
    with pytest.raises(SealedFileRefused):
        write_export(out, unseal(path, KEY))
    assert list(tmp_path.iterdir()) == [path]


def test_chunks_of_another_file_to_the_same_key_are_refused(tmp_path):
    one, other = (write(tmp_path / name, THREE).read_bytes() for name in "ab")
    (tmp_path / "a").write_bytes(one[: chunk(1)] + other[chunk(1) :])
    with pytest.raises(SealedFileRefused, match="chunk 1"):
        open_all(tmp_path / "a")


@pytest.mark.parametrize("suite", KEYS)
def test_another_recipients_key_is_named(tmp_path, suite):
    path, other = write(tmp_path / "sealed", b"x"), OpeningKey.generate(suite)
    with pytest.raises(SealedFileRefused, match=other.public().id.hex()):
        open_all(path, other)


@given(data=st.binary(max_size=400), at=st.integers(0, 300))
@settings(deadline=None)
def test_any_bytes_are_refused_in_one_way(tmp_path_factory, data, at):
    path = tmp_path_factory.mktemp("any") / "sealed"
    whole = write(path, b"a few bytes").read_bytes()
    for spoiled in (data, whole[:at] + data):
        path.write_bytes(spoiled)
        if spoiled != whole:
            with pytest.raises(SealedFileRefused):
                open_all(path)


def test_an_export_is_private_new_and_whole(tmp_path):
    out = tmp_path / "out"
    write_export(out, [b"one", b"two"])
    assert (out.read_bytes(), out.stat().st_mode & 0o777) == (b"onetwo", 0o600)
    for path in (out, tmp_path / "no such folder" / "out"):
        with pytest.raises(OutputRefused):
            write_export(path, [b"other"])
    assert out.read_bytes() == b"onetwo"


def test_a_recipients_keys_are_made_and_used_by_commands(tmp_path, capsys):
    keys, sealed, out = tmp_path / "keys", tmp_path / "sealed", tmp_path / "out"
    assert main(["keygen", str(keys), "--recipient", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["files"]
    assert made == [str(keys / "recipient.key"), str(keys / "recipient.pub")]
    assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}
    assert main(["keygen", str(keys), "--recipient"]) == 1
    write_export(sealed, [b"report"], keys / "recipient.pub")
    words = ["unseal", str(sealed), "--key", str(keys / "recipient.key"), "--out", str(out)]
    assert main(words) == 0
    assert out.read_bytes() == b"report"
    assert main(words) == 1
    make_recipient(tmp_path / "others")
    words = ["unseal", str(sealed), "--key", str(tmp_path / "others" / "recipient.key")]
    capsys.readouterr()
    assert main([*words, "--out", str(tmp_path / "theirs")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert not (tmp_path / "theirs").exists()


def test_nothing_is_sealed_to_a_private_key_or_to_what_is_none(tmp_path):
    make_recipient(tmp_path / "keys")
    for text in ((tmp_path / "keys" / "recipient.key").read_text(), "no key", "0x0020 AAAA"):
        (tmp_path / "key").write_text(text)
        with pytest.raises(KeyUnusable):
            write_export(tmp_path / "out", [b"x"], tmp_path / "key")
    assert not (tmp_path / "out").exists()
