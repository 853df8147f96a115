"""The seals of docs/wire.md: COSE_Sign1 by Ed25519, HPKE, and COSE_Encrypt0 by AES-256-GCM."""

import hashlib
from base64 import b64decode
from typing import NamedTuple

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ed25519, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

X_WING, X25519 = 0x647A, 0x0020
KEMS = {X_WING: KEM.MLKEM768_X25519, X25519: KEM.X25519}
EDDSA, A256GCM = b"\xa1\x01\x27", b"\xa1\x01\x03"  # {1: -8} and {1: 3}


class Epoch(NamedTuple):
    """What a key record says, by its keys, and the data key that was in it."""

    says: dict
    key: AESGCM


def load_opening_key(line):
    """From "vitalpost-opening-key SUITE BASE64": the suite and the HPKE private key."""
    _, suite, private = line.split()
    suite, private = int(suite, 0), b64decode(private)
    if suite == X25519:
        return suite, x25519.X25519PrivateKey.from_private_bytes(private)
    seeds = hashlib.shake_256(private).digest(96)  # draft-connolly-cfrg-xwing-kem, 5.2
    return suite, MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(seeds[:64]),
        x25519.X25519PrivateKey.from_private_bytes(seeds[64:]),
    )


def verify(public, data):
    """What the payload of a COSE_Sign1 says. Raises InvalidSignature."""
    sign1 = cbor2.loads(data)
    protected, _, payload, signature = sign1.value
    if (sign1.tag, protected) != (18, EDDSA):
        raise ValueError("no COSE_Sign1 by EdDSA")
    signed = cbor2.dumps(["Signature1", EDDSA, b"", payload])
    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    return cbor2.loads(payload)


def sign(private, payload):
    """The COSE_Sign1 of a payload."""
    key_id = hashlib.sha256(private.public_key().public_bytes_raw()).digest()[:8]
    signature = private.sign(cbor2.dumps(["Signature1", EDDSA, b"", payload]))
    return cbor2.dumps(cbor2.CBORTag(18, [EDDSA, {4: key_id}, payload, signature]))


def open_epoch(suite, private, says):
    """The epoch of a key record that was verified. Raises InvalidTag, or ValueError."""
    if says[4] != suite:
        raise ValueError("sealed by another suite than this key's")
    info = cbor2.dumps([1, says[2], says[3]])
    hpke = Suite(KEMS[suite], KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    return Epoch(says, AESGCM(hpke.decrypt(says[6], private, info)))


def unseal(epoch, sequence, sealed):
    """The plaintext (CBOR); None where hub, kid, sequence or bytes are not as sealed."""
    nonce = (int.from_bytes(epoch.says[7]) ^ sequence).to_bytes(12)
    aad = cbor2.dumps(["Encrypt0", A256GCM, cbor2.dumps([1, epoch.says[2]])])
    try:
        return epoch.key.decrypt(nonce, sealed, aad)
    except InvalidTag:
        return None
