import ssl
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from backend.errors import KeyExists, KeyUnusable
from backend.keygen import make_keys
from backend.keys import (
    load_authority,
    load_opening_keys,
    load_receipt_keys,
    load_receipt_publics,
    load_sealing_keys,
)
from uplink.keys import X25519, X_WING, OpeningKey


def certificate(folder, name):
    return x509.load_pem_x509_certificate((folder / name).read_bytes())


def test_keys_are_private_and_belong_together(tmp_path):
    folder = tmp_path / "keys"
    paths = make_keys(folder, None)
    assert {path.name for path in paths} == {path.name for path in folder.iterdir()}
    assert not (folder / "broker.key").exists()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}

    (opening,) = load_opening_keys(folder).values()
    (sealing,) = load_sealing_keys(folder)
    assert sealing.suite == X_WING
    assert opening.public().data == sealing.data
    assert len(load_receipt_publics(folder)) == 1
    assert len(load_receipt_keys(folder)) == 1
    for name in ("backend.crt", "ca.crt"):
        certificate(folder, name).verify_directly_issued_by(certificate(folder, "ca.crt"))
    (name,) = certificate(folder, "backend.crt").subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "backend"
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    context.load_cert_chain(folder / "backend.crt", folder / "backend.key")


@pytest.mark.parametrize("name", ["broker.example", "127.0.0.1"])
def test_the_brokers_certificate_is_for_its_name_or_address(tmp_path, name):
    make_keys(tmp_path / "keys", name)
    names = (
        certificate(tmp_path / "keys", "broker.crt")
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value
    )
    assert names.get_values_for_type(x509.DNSName) + names.get_values_for_type(x509.IPAddress) == [
        name if name.endswith("example") else ip_address(name)
    ]


def test_keys_are_never_overwritten(tmp_path):
    (tmp_path / "receipt.key").write_text("precious")
    with pytest.raises(KeyExists):
        make_keys(tmp_path, None)
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.key"]


def test_a_key_of_before_opens_what_was_sealed_to_it(tmp_path):
    make_keys(tmp_path / "keys", None)
    former = OpeningKey.generate(X25519)
    (tmp_path / "keys" / "hpke-2025.key").write_text(former.to_text())
    assert former.public().id in load_opening_keys(tmp_path / "keys")


@pytest.mark.parametrize("content", [None, "", "0x647a AAAA", "vitalpost-opening-key 9 AAAA"])
def test_a_key_file_that_cannot_be_used_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "hpke.key").write_text(content)
    with pytest.raises(KeyUnusable) as caught:
        load_opening_keys(tmp_path)
    assert caught.value.path == tmp_path / "hpke.key"


def test_an_authority_that_cannot_be_used_is_named(tmp_path):
    make_keys(tmp_path / "keys", None)
    key = tmp_path / "keys" / "ca.key"
    key.write_text((tmp_path / "keys" / "receipt.key").read_text())
    with pytest.raises(KeyUnusable) as caught:
        load_authority(tmp_path / "keys")
    assert caught.value.path == key
