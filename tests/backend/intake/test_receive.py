import signal

import pytest

from backend import tables
from tests.backend.at_broker import BackendProcess, HubAtBroker, write_settings
from tests.backend.office import DAY, START, frame, naive
from tests.fakes.pki import Authority


@pytest.fixture
def settings(tmp_path, office, broker, authority):
    return write_settings(tmp_path, office, broker, authority)


@pytest.fixture
def run(settings):
    started = []

    def run(step=None):
        process = (
            BackendProcess(settings, step, script="dying_backend.py")
            if step
            else BackendProcess(settings, "run")
        )
        started.append(process)
        return started[-1]

    yield run
    for process in started:
        process.kill()


@pytest.fixture
def hub(office):
    office.assign()
    hub = office.enroll().begin(START)
    hub.describe(START + DAY)
    hub.measure(START + DAY, frame(naive(START + DAY)))
    return hub


@pytest.fixture
def at_broker(broker, authority):
    at_broker = HubAtBroker(broker, authority)
    yield at_broker
    at_broker.close()


def test_a_record_is_receipted_once_it_is_in_the_ledger(office, hub, at_broker, run):
    backend = run()
    backend.wait_for("subscribed")
    at_broker.send(hub.key_record, hub.run())
    assert at_broker.receipt().stored == {hub.epoch.kid: ((1, 2),)}
    assert office.count(tables.reading) == 1
    assert backend.stop() == 0


@pytest.mark.parametrize("step", ["committed", "published", "acknowledged"])
def test_killed_between_any_two_steps_it_loses_and_doubles_nothing(
    step, office, hub, at_broker, run
):
    dying = run(step)
    dying.wait_for("subscribed")
    at_broker.send(hub.key_record, hub.run())
    assert dying.end() == -signal.SIGKILL
    assert office.count(tables.reading) == 1

    backend = run()
    backend.wait_for("subscribed")
    at_broker.send(hub.key_record, hub.run())
    assert at_broker.receipt().stored == {hub.epoch.kid: ((1, 2),)}
    assert backend.stop() == 0
    assert (office.count(tables.reading), office.count(tables.sighting)) == (1, 1)
    assert not office.incidents()


def test_what_was_sent_while_it_was_away_is_waiting_for_it(office, hub, at_broker, run):
    backend = run()
    backend.wait_for("subscribed")
    backend.stop()
    at_broker.send(hub.key_record, hub.run())
    backend = run()
    assert at_broker.receipt().stored == {hub.epoch.kid: ((1, 2),)}
    assert backend.stop() == 0


def test_bad_messages_are_counted_and_taken_off_the_broker(office, hub, at_broker, run):
    backend = run()
    backend.wait_for("subscribed")
    at_broker.send_bytes(b"no message")
    at_broker.send(b"no key record")
    at_broker.send(hub.key_record, hub.run())
    assert at_broker.receipt().stored == {hub.epoch.kid: ((1, 2),)}
    assert office.incidents() == {"malformed-message": 1, "statement-refused": 1}
    assert backend.stop() == 0


def test_it_comes_back_when_the_broker_does(office, hub, at_broker, broker, run):
    backend = run()
    backend.wait_for("subscribed")
    broker.kill()
    backend.wait_for("broker-lost")
    broker.start()
    backend.wait_for("subscribed")
    at_broker.send(hub.key_record, hub.run())
    assert at_broker.receipt().stored == {hub.epoch.kid: ((1, 2),)}
    assert backend.stop() == 0


def test_a_broker_that_does_not_trust_it_is_said_once_and_tried_again(
    tmp_path, office, broker, run
):
    (tmp_path / "pki").mkdir()
    write_settings(tmp_path, office, broker, Authority(tmp_path / "pki"))
    backend = run()
    backend.wait_for("broker-lost")
    assert backend.stop() == 0
