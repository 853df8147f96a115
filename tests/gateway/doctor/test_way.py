import socket
import ssl
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from gateway.config import load_settings
from gateway.doctor.devices import look_at_bonds
from gateway.doctor.installation import look_at_hub, look_at_settings_in_use, look_at_version
from gateway.doctor.reports import look_at_reports
from gateway.doctor.site import Site
from gateway.doctor.storing import look_at_outbox
from gateway.doctor.tls import look_at_tls
from gateway.doctor.way import (
    look_at_broker,
    look_at_signal,
    look_up_broker,
    make_round_trip,
)
from tests.fakes.hub_folder import HubFolder
from tests.fakes.pki import Authority

WELL = {
    "software": "vitalpost 0.1.0",
    "running_s": 5,
    "clock": {"quality": 3},
    "outbox": {"waiting": 0, "oldest_s": None, "quarantined": 0},
    "uplink": {"connected": True, "trouble": None, "refusal": None},
    "devices": [{"name": "cuff", "bond": True, "bonded": True, "last_session": "ok"}],
    "problems": [],
}
MODEM = {
    "modem": {"state": "connected"},
    "recovery": {"trouble": None},
    "signal": "good",
    "bars": 4,
}


class Asked(Site):
    """Answers of a hub that are not its own."""

    answers = None

    def ask(self, do, *, answer_s=0):
        return self.answers[do]


def look(check, answers=None, file=None, **status):
    site = Asked(Path(__file__), file, status_told={**WELL, **status})
    site.answers = answers or {}
    finding = check(site)
    return finding.mark.value, finding.tell()[0]


@contextmanager
def broker(certificate, key):
    """Shakes hands with one client, and no more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with suppress(OSError), listener.accept()[0] as plain:
                context.wrap_socket(plain, server_side=True).close()

        serving = Thread(target=serve)
        serving.start()
        yield listener.getsockname()[1]
        serving.join()


def hang_up(listener):
    listener.accept()[0].close()


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "hub").mkdir()
    return load_settings(HubFolder(tmp_path / "hub").settings)


def tls(settings, authority, port, host="127.0.0.1", **status):
    at = replace(settings.broker, host=host, port=port)
    site = Asked(Path(__file__), replace(settings, broker=at), status_told={**WELL, **status})
    site.__dict__["credentials_read"] = SimpleNamespace(broker_ca=authority.certificate)
    finding = look_at_tls(site)
    return finding.mark.value, finding.tell()[0]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (100, ("ok", "127.0.0.1: its certificate holds for 100 days more")),
        (20, ("warn", "127.0.0.1: its certificate holds for 20 days more")),
        (-2, ("fail", "its certificate is refused: certificate has expired")),
    ],
)
def test_the_brokers_certificate_is_told_by_its_days(settings, authority, days, expected):
    with broker(*authority.issue("broker", (-400, days + 1))) as port:
        assert tls(settings, authority, port) == expected


def test_a_date_that_nobody_knows_is_a_warning_and_no_fault_of_the_broker(settings, authority):
    with broker(*authority.issue("broker", (-400, -2))) as port:
        assert tls(settings, authority, port, clock={"quality": 0})[0] == "warn"


def test_a_broker_of_another_authority_is_refused(settings, authority, tmp_path):
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    with broker(*other.issue("broker")) as port:
        assert tls(settings, authority, port)[0] == "fail"


def test_a_broker_that_is_not_there_or_speaks_something_else_is_named(settings, authority):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        Thread(target=hang_up, args=[listener]).start()
        assert tls(settings, authority, port)[0] == "fail"
    assert tls(settings, authority, port) == (
        "fail",
        f"127.0.0.1:{port} is not reached: Connection refused",
    )


def test_a_name_is_looked_up_and_an_address_is_not(settings):
    assert look(look_up_broker, file=settings)[1].endswith("nothing to look up")
    for host, mark in (("localhost", "ok"), ("no-such.invalid", "fail")):
        named = replace(settings, broker=replace(settings.broker, host=host))
        assert look(look_up_broker, file=named)[0] == mark


@pytest.mark.parametrize(
    ("uplink", "expected"),
    [
        ({}, ("ok", "the hub is connected")),
        ({"refusal": "refused: 0x87"}, ("fail", "it refuses records: refused: 0x87")),
        (
            {"connected": False, "trouble": "b:1: timed out"},
            ("fail", "the hub is not connected: b:1: timed out"),
        ),
        ({"connected": False}, ("fail", "the hub is not connected: not yet since the start")),
    ],
)
def test_the_running_hub_tells_of_its_own_session(uplink, expected):
    assert look(look_at_broker, uplink={**WELL["uplink"], **uplink}) == expected


@pytest.mark.parametrize(
    ("outcome", "mark"),
    [("receipted", "ok"), ("rejected", "fail"), ("waiting", "fail"), ("not-connected", "fail")],
)
def test_only_a_receipt_ends_the_round_trip_well(outcome, mark):
    told = {"round-trip": {"outcome": outcome, "took_ms": 40}}
    assert look(make_round_trip, told)[0] == mark


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (None, ("ok", "there is no modem")),
        ({**MODEM, "modem": None}, ("ok", "there is no modem")),
        (MODEM, ("ok", "good, 4 of 5 bars")),
        ({**MODEM, "bars": 1, "signal": "weak"}, ("warn", "weak, 1 of 5 bars")),
        ({**MODEM, "bars": None, "signal": None}, ("warn", "the modem hears nothing")),
        (
            {**MODEM, "recovery": {"trouble": "no-sim"}},
            ("fail", "the modem is in trouble: no-sim"),
        ),
    ],
)
def test_the_signal_is_told_where_there_is_a_modem(network, expected):
    assert look(look_at_signal, **({"network": network} if network else {})) == expected


@pytest.mark.parametrize(
    ("outbox", "used", "mark"),
    [
        ({}, 10, "ok"),
        ({"waiting": 3, "oldest_s": 60}, 10, "ok"),
        ({"waiting": 3, "oldest_s": 90_000}, 10, "warn"),
        ({"quarantined": 1}, 10, "warn"),
        ({}, 80, "warn"),
        ({"waiting": 3, "oldest_s": 60}, 100, "fail"),
    ],
)
def test_the_outbox_is_judged_by_age_room_and_quarantine(outbox, used, mark):
    stats = {"outbox-stats": {"used_bytes": used, "quota_bytes": 100}}
    assert look(look_at_outbox, stats, outbox={**WELL["outbox"], **outbox})[0] == mark


@pytest.mark.parametrize(
    ("device", "mark"),
    [
        ({}, "ok"),
        ({"bonded": None}, "ok"),
        ({"bonded": False}, "warn"),
        ({"last_session": "bond-lost"}, "fail"),
        ({"bond": False, "bonded": False}, "ok"),
    ],
)
def test_a_bond_that_is_lost_or_was_never_made_is_named(device, mark):
    assert look(look_at_bonds, devices=[{**WELL["devices"][0], **device}])[0] == mark


def test_what_the_hub_cannot_heal_comes_before_what_it_can():
    mild = {"what": "cuff: away", "hint": "Wait.", "needs_help": False}
    grave = {"what": "no radio", "hint": "Call us.", "needs_help": True}
    assert look(look_at_reports) == ("ok", "the hub knows of nothing that is amiss")
    assert look(look_at_reports, problems=[mild])[0] == "warn"
    assert look(look_at_reports, problems=[mild, grave]) == ("fail", "no radio")


def test_a_hub_on_another_file_or_another_version_is_said():
    assert look(look_at_settings_in_use)[0] == "ok"
    assert look(look_at_settings_in_use, running_s=10**10)[0] == "warn"
    assert look(look_at_settings_in_use, settings={"last_good": True})[0] == "fail"
    assert look(look_at_version, software="vitalpost 0.0.9")[0] == "warn"
    assert look(look_at_version)[0] == "ok"
    assert look(look_at_hub)[0] == "fail"  # nobody says where it is asked
