import base64
import traceback

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.uplink.any_cbor import anything
from uplink.errors import SealError, WireError
from uplink.keys import X25519, X_WING
from uplink.records import EpochStart
from uplink.seal import (
    DataKey,
    Epoch,
    OpeningKey,
    SealingKey,
    Signer,
    encrypt0,
    open_epoch,
    sign_receipt,
    verify,
    verify_key_record,
    verify_receipt,
)
from uplink.statements import Previous
from uplink.wire import Receipt, Refusal, key_id

HUB = "hub-1"
START = EpochStart(bytes(16), 61_000, 1_790_000_000_000, 7, "vitalpost 0.1.0")
PREVIOUS = Previous(bytes(16), 41, True)
SIGNER = Signer(bytes(range(32)))
OWN = SIGNER.public()
OPENING = {suite: OpeningKey(suite, bytes(range(32))) for suite in (X_WING, X25519)}
EPOCH, KEY_RECORD = open_epoch(HUB, SIGNER, OPENING[X25519].public(), START, PREVIOUS)
RECORD = verify_key_record(KEY_RECORD, OWN)
DATA_KEY = OPENING[X25519].open_key(RECORD)
RECEIPT = Receipt(HUB, 1, {bytes(16): ((1, 2),)}, (Refusal(bytes(16), 3, "conflict"),))
SECRET = bytes(range(100, 132))

suites = pytest.mark.parametrize("suite", [X_WING, X25519])
thorough = settings(max_examples=200, deadline=None)


def payload_of(data):
    return cbor2.loads(cbor2.loads(data).value[2])


def signed(fields):
    payload = cbor2.dumps(fields)
    signature = SIGNER.sign(cbor2.dumps(["Signature1", b"\xa1\x01\x27", b"", payload]))
    sign1 = [b"\xa1\x01\x27", {4: key_id(OWN)}, payload, signature]
    return cbor2.dumps(cbor2.CBORTag(18, sign1))


@suites
def test_what_a_hub_seals_the_backend_opens(suite):
    epoch, data = open_epoch(HUB, SIGNER, OPENING[suite].public(), START, PREVIOUS)
    record = verify_key_record(data, OWN)
    key = OPENING[suite].open_key(record)
    assert (record.hub, record.kid, record.start) == (HUB, epoch.kid, START)
    assert record.previous == PREVIOUS
    for n in range(1, 4):
        sequence, sealed = epoch.seal(b"plaintext %d" % n)
        assert sequence == epoch.last_sequence == n
        assert key.open(sequence, sealed) == b"plaintext %d" % n


def test_an_auditor_opens_a_record_with_cbor_and_cryptography_alone():
    epoch, data = open_epoch(HUB, SIGNER, OPENING[X25519].public(), START)
    _, sealed = epoch.seal(b"first")
    for _ in range(299):
        sequence, sealed = epoch.seal(b"three hundredth")

    sign1 = cbor2.loads(data)
    protected, unprotected, payload, signature = sign1.value
    assert (sign1.tag, cbor2.loads(protected)) == (18, {1: -8})
    assert unprotected == {4: key_id(OWN)}
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    Ed25519PublicKey.from_public_bytes(OWN).verify(signature, signed)
    fields = cbor2.loads(payload)
    data_key = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM).decrypt(
        fields[6],
        X25519PrivateKey.from_private_bytes(bytes(range(32))),
        cbor2.dumps([1, HUB, fields[3]]),
    )

    message = cbor2.loads(encrypt0(epoch.kid, sequence, sealed))
    protected, unprotected, ciphertext = message.value
    assert (message.tag, cbor2.loads(protected)) == (16, {1: 3})
    assert unprotected == {4: fields[3], 6: b"\x01\x2c"}
    nonce = bytes(a ^ b for a, b in zip(fields[7], unprotected[6].rjust(12, b"\0"), strict=True))
    aad = cbor2.dumps(["Encrypt0", protected, cbor2.dumps([1, HUB])])
    assert AESGCM(data_key).decrypt(nonce, ciphertext, aad) == b"three hundredth"


def test_a_key_record_has_the_size_it_was_measured_with():
    sizes = {
        suite: len(open_epoch(HUB, SIGNER, key.public(), START)[1])
        for suite, key in OPENING.items()
    }
    assert sizes == {X_WING: 1367, X25519: 276}


def test_no_two_epochs_share_kid_key_or_nonce():
    one, two = (
        verify_key_record(open_epoch(HUB, SIGNER, OPENING[X25519].public(), START)[1], OWN)
        for _ in range(2)
    )
    assert one.kid != two.kid
    assert one.base_iv != two.base_iv
    assert one.enc != two.enc


@pytest.mark.parametrize(("hub", "sequence"), [("hub-2", 1), (HUB, 2), (HUB, 257)])
def test_a_record_opens_only_for_its_hub_and_sequence(hub, sequence):
    kid = RECORD.kid
    key = DataKey(HUB, kid, SECRET, bytes(12))
    sealed = key.seal(1, b"plaintext")
    with pytest.raises(SealError) as caught:
        DataKey(hub, kid, SECRET, bytes(12)).open(sequence, sealed)
    assert caught.value.key_id == kid.hex()


@suites
@pytest.mark.parametrize("change", [{3: bytes(16)}, {2: "hub-2"}, {6: b""}, {6: bytes(1168)}])
def test_a_data_key_opens_only_for_its_hub_and_kid(suite, change):
    _, data = open_epoch(HUB, SIGNER, OPENING[suite].public(), START)
    with pytest.raises(SealError, match="does not open"):
        OPENING[suite].open_key(verify_key_record(signed(payload_of(data) | change), OWN))


def test_a_record_of_another_format_version_does_not_open():
    aad = cbor2.dumps(["Encrypt0", b"\xa1\x01\x03", cbor2.dumps([2, HUB])])
    sealed = AESGCM(SECRET).encrypt(bytes(11) + b"\x01", b"plaintext", aad)
    with pytest.raises(SealError):
        DataKey(HUB, bytes(16), SECRET, bytes(12)).open(1, sealed)


@pytest.mark.parametrize("base_iv", [bytes(12), bytes(9) + b"\xff\xff\xff", b"\xff" * 12])
@pytest.mark.parametrize("sequence", [1, 255, 256, 2**32 - 1])
def test_a_base_iv_that_begins_with_zeros_keeps_its_twelve_bytes(base_iv, sequence):
    sealed = DataKey(HUB, bytes(16), SECRET, base_iv).seal(sequence, b"plaintext")
    nonce = bytes(a ^ b for a, b in zip(base_iv, sequence.to_bytes(12), strict=True))
    aad = cbor2.dumps(["Encrypt0", b"\xa1\x01\x03", cbor2.dumps([1, HUB])])
    assert AESGCM(SECRET).decrypt(nonce, sealed, aad) == b"plaintext"


def test_an_epoch_ends_with_its_last_sequence():
    epoch = Epoch(DataKey(HUB, bytes(16), SECRET, bytes(12)), START)
    epoch.last_sequence = 2**32 - 2
    assert epoch.seal(b"")[0] == 2**32 - 1
    with pytest.raises(SealError, match="4294967296"):
        epoch.seal(b"")
    assert epoch.last_sequence == 2**32 - 1


@pytest.mark.parametrize("sequence", [0, -1, 2**32])
def test_a_sequence_no_epoch_has_is_refused(sequence):
    with pytest.raises(SealError):
        DATA_KEY.open(sequence, bytes(32))


def test_a_key_record_signed_by_another_key_is_refused():
    with pytest.raises(SealError, match="not pinned") as caught:
        verify_key_record(KEY_RECORD, Signer.generate().public())
    assert caught.value.key_id == key_id(OWN).hex()


def test_a_key_record_that_names_a_key_that_did_not_sign_it_is_refused():
    *rest, _ = cbor2.loads(KEY_RECORD).value
    forged = cbor2.CBORTag(18, [*rest, SIGNER.sign(b"something else")])
    with pytest.raises(SealError, match="signature"):
        verify_key_record(cbor2.dumps(forged), OWN)


def test_a_data_key_sealed_to_another_key_is_told_apart():
    with pytest.raises(SealError, match="another key") as caught:
        OpeningKey.generate(X25519).open_key(RECORD)
    assert caught.value.key_id == OPENING[X25519].public().id.hex()


def test_a_receipt_is_verified_by_any_key_that_is_pinned():
    retiring, current = Signer.generate(), Signer.generate()
    pinned = [retiring.public(), current.public()]
    assert verify_receipt(sign_receipt(RECEIPT, current), pinned) == RECEIPT
    assert verify_receipt(sign_receipt(RECEIPT, retiring), pinned) == RECEIPT
    with pytest.raises(SealError, match="not pinned"):
        verify_receipt(sign_receipt(RECEIPT, SIGNER), pinned)


def test_a_key_record_does_not_pass_for_a_receipt():
    with pytest.raises(WireError, match="receipt"):
        verify_receipt(KEY_RECORD, [OWN])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        KEY_RECORD[1:],
        KEY_RECORD + b"\0",
        b"\xd2\x80",
        b"\xd2" + cbor2.dumps([b"", {4: bytes(8)}, b"", bytes(64)]),
        b"\xd2" + cbor2.dumps([b"\xa1\x01\x26", {4: bytes(8)}, b"", bytes(64)]),
        b"\xd2" + cbor2.dumps([b"\xa1\x01\x27", {}, b"", bytes(64)]),
        b"\xd2" + cbor2.dumps([b"\xa1\x01\x27", {4: bytes(8)}, None, bytes(64)]),
        b"\xd2" + cbor2.dumps([b"\xa1\x01\x27", {4: bytes(8)}, b"", bytes(63)]),
        b"\xd2" + bytes(2**20),
    ],
)
def test_what_is_no_cose_sign1_is_a_wire_error(data):
    with pytest.raises(WireError):
        verify_key_record(data, OWN)


@given(st.binary(max_size=200).map(lambda data: b"\xd2" + data) | anything.map(cbor2.dumps))
@thorough
def test_any_bytes_that_are_not_signed_are_refused(data):
    for unsigned in (data, b"\xd2" + cbor2.dumps([b"\xa1\x01\x27", {4: data}, data, data])):
        with pytest.raises((SealError, WireError)):
            verify_key_record(unsigned, OWN)
        with pytest.raises((SealError, WireError)):
            verify_receipt(unsigned, [OWN])


@pytest.mark.parametrize(
    ("original", "check"),
    [
        (KEY_RECORD, lambda data: verify_key_record(data, OWN)),
        (DATA_KEY.seal(1, b"plaintext"), lambda data: DATA_KEY.open(1, data)),
    ],
    ids=["key record", "sealed record"],
)
@given(data=st.data())
@thorough
def test_a_changed_bit_is_noticed(original, check, data):
    changed = bytearray(original)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((SealError, WireError)):
        check(bytes(changed))


@given(st.binary(max_size=60))
@thorough
def test_bytes_that_were_never_sealed_do_not_open(sealed):
    with pytest.raises(SealError):
        DATA_KEY.open(1, sealed)


@given(st.sampled_from([X_WING, X25519]), st.binary(max_size=100) | st.binary(min_size=1168))
@thorough
def test_a_key_record_with_a_sealed_key_of_any_bytes_does_not_open(suite, enc):
    key = OPENING[suite]
    fields = payload_of(KEY_RECORD) | {4: suite, 5: key.public().id, 6: enc}
    with pytest.raises(SealError):
        key.open_key(verify_key_record(signed(fields), OWN))


def test_a_data_key_of_another_length_is_refused():
    record = payload_of(KEY_RECORD)
    record[6] = OPENING[X25519].public().seal(bytes(16), cbor2.dumps([1, HUB, record[3]]))
    with pytest.raises(SealError, match="found 16 bytes, wanted 32"):
        OPENING[X25519].open_key(verify_key_record(signed(record), OWN))


def test_x_wing_keys_are_those_of_the_draft():
    # draft-connolly-cfrg-xwing-kem-08, appendix C, first vector
    key = OpeningKey(
        X_WING,
        bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26"),
    )
    public = key.public().data.hex()
    assert len(public) == 2 * 1216
    assert public.startswith("e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5")


@suites
def test_keys_are_read_from_the_text_they_were_written_as(suite):
    opening = OpeningKey.generate(suite)
    sealing = SealingKey.from_text(opening.public().to_text())
    assert sealing.data == opening.public().data
    _, data = open_epoch(HUB, SIGNER, sealing, START)
    record = verify_key_record(data, OWN)
    assert OpeningKey.from_text(opening.to_text()).open_key(record).kid == record.kid
    assert Signer.from_text(SIGNER.to_text()).public() == OWN


def pem(key, encryption):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


@pytest.mark.parametrize(
    "read",
    [
        lambda: SealingKey(X_WING, bytes(32)),
        lambda: SealingKey(X25519, bytes(1216)),
        lambda: SealingKey(X25519, bytes(32)),  # the point of small order
        lambda: SealingKey(X_WING, b"\xff" * 1216),
        lambda: SealingKey(0x0010, bytes(65)),
        lambda: SealingKey.from_text(""),
        lambda: SealingKey.from_text("0x0020"),
        lambda: SealingKey.from_text("x25519 " + base64.b64encode(bytes(32)).decode()),
        lambda: SealingKey.from_text("0x0020 ????"),
        lambda: SealingKey.from_text(OPENING[X25519].to_text()),
        lambda: OpeningKey.from_text(OPENING[X25519].public().to_text()),
        lambda: OpeningKey(X_WING, bytes(96)),
        lambda: OpeningKey(0, bytes(32)),
        lambda: Signer(bytes(64)),
        lambda: Signer.from_text("-----BEGIN PRIVATE KEY-----"),
        lambda: Signer.from_text(pem(X25519PrivateKey.generate(), NoEncryption())),
        lambda: Signer.from_text(
            pem(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"secret"))
        ),
        lambda: verify_key_record(KEY_RECORD, OWN[:31]),
        lambda: verify(bytes(31), b"", bytes(64)),
        lambda: DataKey(HUB, bytes(16), bytes(16), bytes(12)),
    ],
)
def test_a_key_of_another_length_or_kind_is_one_error_that_says_what_next(read):
    with pytest.raises(SealError) as caught:
        read()
    assert caught.value.hint.endswith(".")


def test_a_garbled_key_file_is_not_quoted_in_the_traceback():
    label, suite, private = OPENING[X25519].to_text().split()
    with pytest.raises(SealError) as caught:
        OpeningKey.from_text(f"{label} {private} {suite}")
    assert private not in "".join(traceback.format_exception(caught.value))


def test_nothing_that_holds_a_key_shows_it():
    secret = bytes(range(32))
    opening = OpeningKey(X_WING, secret)
    epoch = Epoch(DataKey(HUB, bytes(16), secret, bytes(range(12))), START)
    for holder in (opening, opening.public(), Signer(secret), DATA_KEY, epoch, epoch._key):
        for shown in (repr(holder), str(holder), f"{holder}"):
            assert len(shown) < 80
            for leak in (secret.hex()[:16], repr(secret)[2:20], base64.b64encode(secret).decode()):
                assert leak not in shown
