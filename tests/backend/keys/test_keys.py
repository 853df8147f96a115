import ssl
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backend.errors import KeyExists, KeyUnusable
from backend.keys.certificates import read_revoked
from backend.keys.folder import (
    load_authority,
    load_opening_keys,
    load_receipt_keys,
    load_receipt_publics,
    load_sealing_keys,
    load_trust,
)
from backend.keys.keygen import add_key, make_keys, renew_revoked
from uplink.keys import X25519, X_WING, OpeningKey


def certificate(folder, name):
    return x509.load_pem_x509_certificate((folder / name).read_bytes())


def test_keys_are_private_and_belong_together(tmp_path):
    folder = tmp_path / "keys"
    paths = make_keys(folder, None)
    assert {path.name for path in paths} == {path.name for path in folder.iterdir()}
    assert {path.name for path in paths} >= {"hpke.key", "receipt.key", "ca.crl", "backend.crt"}
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


def test_an_office_makes_keys_of_the_suites_that_its_hubs_seal_to(tmp_path):
    make_keys(tmp_path / "both", None, (X_WING, X25519))
    make_keys(tmp_path / "one", None, (X25519,))
    suites = [{key.suite for key in load_sealing_keys(tmp_path / name)} for name in ("both", "one")]
    assert suites == [{X_WING, X25519}, {X25519}]


def test_an_added_key_comes_first_and_those_of_before_stay(tmp_path):
    folder = tmp_path / "keys"
    make_keys(folder, None)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    first = [load_sealing_keys(folder)[0].id, load_receipt_publics(folder)[0]]
    for kind in ("hpke", "receipt"):
        for _ in range(10):
            add_key(folder, kind)
    names = {path.name for path in folder.iterdir()}
    assert {"hpke-11.pub", "receipt-11.key"} < names
    assert {name: (folder / name).read_bytes() for name in before} == before
    sealing, publics = load_sealing_keys(folder), load_receipt_publics(folder)
    assert [sealing[-1].id, publics[-1]] == first
    assert sealing[0].to_text() == (folder / "hpke-11.pub").read_text()
    assert [signer.public() for signer in load_receipt_keys(folder)] == publics
    assert set(load_opening_keys(folder)) == {key.id for key in sealing}


def test_certificates_of_backend_and_broker_are_made_beside_those_in_use(tmp_path):
    make_keys(tmp_path, "broker.example")
    made = [*add_key(tmp_path, "backend"), *add_key(tmp_path, "broker", "broker.example")]
    assert [path.name for path in made] == [
        "backend-2.key",
        "backend-2.crt",
        "broker-2.key",
        "broker-2.crt",
    ]
    for name in ("backend", "broker"):
        after, before = certificate(tmp_path, f"{name}-2.crt"), certificate(tmp_path, f"{name}.crt")
        after.verify_directly_issued_by(certificate(tmp_path, "ca.crt"))
        assert after.public_key() != before.public_key()


def test_a_further_authority_signs_from_now_on_and_both_are_trusted(tmp_path):
    make_keys(tmp_path, None)
    former = load_authority(tmp_path).certificate_pem()
    add_key(tmp_path, "ca")
    newest = load_authority(tmp_path).certificate_pem()
    assert load_trust(tmp_path) == newest + former
    assert former != newest
    lists = read_revoked((tmp_path / "ca.crl").read_text())
    issuers = [x509.load_pem_x509_certificate(pem.encode()).subject for pem in (newest, former)]
    assert [one.issuer for one in lists] == issuers


def test_the_list_of_revoked_grows_and_each_is_later_than_the_one_before(tmp_path):
    make_keys(tmp_path, None)
    authority = load_authority(tmp_path)
    keys = [ec.generate_private_key(ec.SECP256R1()).public_key() for _ in range(2)]
    ones, dates = [authority.certify_hub(f"hub-{n}", key) for n, key in enumerate(keys)], []
    add_key(tmp_path, "ca")
    for one in ones:
        renew_revoked(tmp_path, [one])
        newest, former = read_revoked((tmp_path / "ca.crl").read_text())
        dates.append(former.last_update_utc)
        assert len(list(newest)) == 0
    assert dates[0] < dates[1] < datetime.now(UTC)
    serials = {x509.load_pem_x509_certificate(one.encode()).serial_number for one in ones}
    assert {entry.serial_number for entry in former} == serials


@pytest.mark.parametrize("content", ["-----END X509 CRL-----\n", "x-----END X509 CRL-----\n"])
def test_a_damaged_list_of_revoked_is_named_and_left_alone(tmp_path, content):
    make_keys(tmp_path, None)
    (tmp_path / "ca.crl").write_text(content)
    with pytest.raises(KeyUnusable) as caught:
        renew_revoked(tmp_path, [])
    assert caught.value.path == tmp_path / "ca.crl"
    assert (tmp_path / "ca.crl").read_text() == content


@pytest.mark.parametrize(
    ("name", "load"), [("hpke", load_opening_keys), ("receipt", load_receipt_keys)]
)
def test_a_private_key_that_is_not_that_of_the_public_one_beside_it_is_named(tmp_path, name, load):
    make_keys(tmp_path / "keys", None)
    make_keys(tmp_path / "others", None)
    (tmp_path / "others" / f"{name}.key").rename(tmp_path / "keys" / f"{name}.key")
    with pytest.raises(KeyUnusable) as unusable:
        load(tmp_path / "keys")
    assert unusable.value.path == tmp_path / "keys" / f"{name}.key"
    (tmp_path / "keys" / f"{name}.pub").unlink()
    assert load(tmp_path / "keys")
