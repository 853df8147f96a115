import shutil

import pytest

from backend.keys.certificates import make_key, private_pem
from backend.keys.folder import load_authority
from backend.keys.keygen import add_key, make_keys, renew_revoked
from tests.fakes.broker import MosquittoBroker
from uplink.errors import BrokerUnreachable
from uplink.mqtt import Broker, Connection
from uplink.tls import tls_context


class Keys:
    """The office's keys as the broker of the tests wants them, and what hubs were given."""

    def __init__(self, folder):
        self.folder = folder
        make_keys(folder, "127.0.0.1")
        self.certificate, self.revoked = folder / "ca.crt", folder / "ca.crl"

    def issue(self, name):
        paths = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        if not paths[0].exists():
            key = make_key()
            authority = load_authority(self.folder)
            paths[0].write_text(authority.certify_hub(name, key.public_key()))
            paths[1].write_text(private_pem(key))
        return paths

    def revoke(self, *names):
        renew_revoked(self.folder, [self.issue(name)[0].read_text() for name in names])


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "keys")


@pytest.fixture
def broker(tmp_path, keys):
    broker = MosquittoBroker(tmp_path / "broker", keys)
    broker.start()
    yield broker
    broker.kill()


def as_hub(broker, keys, name):
    return Broker(broker.host, broker.port, name, tls_context(keys.certificate, *keys.issue(name)))


async def connects(settings):
    """Whether the broker lets it in, and its own topic be read."""
    try:
        link = await Connection.open(settings, lambda _: None)
        await link.subscribe(f"vitalpost/v1/{settings.client_id}/receipts")
    except BrokerUnreachable:
        return False
    await link.close()
    return True


def hand_over(broker, keys, *names):
    for name in names:
        shutil.copy(keys.folder / name, broker.certs)


async def test_a_revoked_hub_is_kept_out_from_the_reload_on_and_others_are_not(broker, keys):
    hubs = [as_hub(broker, keys, f"hub-{number}") for number in range(3)]
    assert [await connects(hub) for hub in hubs] == [True] * 3
    for number in range(2):  # within one second: the second list must win over the first
        keys.revoke(f"hub-{number}")
        hand_over(broker, keys, "ca.crl")
        broker.reload()
    # With the session of before, which must not be resumed, and as if it was never there.
    assert [await connects(hub) for hub in hubs] == [False, False, True]
    again = [as_hub(broker, keys, f"hub-{number}") for number in range(3)]
    assert [await connects(hub) for hub in again] == [False, False, True]
    broker.stop()
    broker.start()
    assert [await connects(hub) for hub in hubs] == [False, False, True]


async def test_an_open_connection_of_a_revoked_hub_ends_with_a_restart_not_a_reload(broker, keys):
    link = await Connection.open(as_hub(broker, keys, "hub-1"), lambda _: None)
    keys.revoke("hub-1")
    hand_over(broker, keys, "ca.crl")
    broker.reload()
    assert await link.publish("vitalpost/v1/hub-1/records", b"") == 0x10
    broker.stop()
    await link.lost
    broker.start()
    assert not await connects(as_hub(broker, keys, "hub-1"))
    await link.close()


async def test_hubs_of_two_authorities_are_let_in_and_kept_out_alike(broker, keys):
    former = as_hub(broker, keys, "hub-1")
    keys.issue("hub-3")
    add_key(keys.folder, "ca")
    keys.issue("hub-2")
    keys.issue("hub-4")
    keys.revoke("hub-3", "hub-4")
    hand_over(broker, keys, "ca.crt", "ca.crl")
    broker.stop()
    broker.start()
    hubs = [former, *(as_hub(broker, keys, f"hub-{number}") for number in (2, 3, 4))]
    assert [await connects(hub) for hub in hubs] == [True, True, False, False]
