import json
import signal
import ssl
from collections import defaultdict
from queue import Queue
from threading import Event

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.backend.at_broker import PATIENCE_S, BackendProcess, HubAtBroker, write_settings
from tests.backend.office import DAY, START, frame, naive
from tests.backend.relaying import as_relayed
from tests.fakes.broker import MosquittoBroker
from tests.fakes.web_hook import WebHook

TOPIC = "clinic/readings"
STEPS = ["committed", "written", "emitted", "moved", "published", "acknowledged"]
READINGS = 6


@pytest.fixture
def broker(tmp_path, authority):
    broker = MosquittoBroker(tmp_path / "broker", authority)
    rules = tmp_path / "broker" / "certs" / "mosquitto.acl"
    more = f"user backend\ntopic write {TOPIC}\nuser clinic\ntopic read {TOPIC}\n"
    rules.write_text(f"{rules.read_text()}\n{more}")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def settings(tmp_path, office, broker, authority):
    return write_settings(tmp_path, office, broker, authority)


@pytest.fixture
def start(settings):
    started = []

    def start(*words, **options):
        started.append(BackendProcess(settings, *words, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()


class Home:
    """A hub at the broker, with a reading of each day."""

    def __init__(self, hub, at_broker):
        self._hub = hub
        self._at_broker = at_broker

    def send(self):
        """All that the hub holds, in two messages."""
        hub = self._hub
        half = len(hub.sealed) // 2
        self._at_broker.send(hub.key_record, hub.run(1, half))
        self._at_broker.send(hub.key_record, hub.run(half + 1))

    def await_receipts(self):
        """Take receipts until every record was receipted."""
        stored = set()
        while len(stored) < len(self._hub.sealed):
            for first, last in self._at_broker.receipt().stored.get(self._hub.epoch.kid, ()):
                stored |= set(range(first, last + 1))


@pytest.fixture
def home(office, broker, authority):
    office.assign()
    hub = office.enroll().begin(START)
    hub.describe(START + DAY)
    for day in range(1, READINGS + 1):
        hub.measure(START + day * DAY, frame(naive(START + day * DAY)))
    at_broker = HubAtBroker(broker, authority)
    yield Home(hub, at_broker)
    at_broker.close()


class Subscriber:
    """Someone else's backend, with a session that the broker keeps."""

    def __init__(self, broker, authority):
        self._received = Queue()
        self.lines = []
        subscribed = Event()
        certificate, key = authority.issue("clinic")
        self._client = Client(
            CallbackAPIVersion.VERSION2, "clinic", protocol=MQTTProtocolVersion.MQTTv5
        )
        context = ssl.create_default_context(cafile=authority.certificate)
        context.load_cert_chain(certificate, key)
        self._client.tls_set_context(context)
        self._client.on_message = lambda _c, _u, message: self._received.put(message.payload)
        self._client.on_connect = lambda client, *_: client.subscribe(TOPIC, 1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        self._client.connect(broker.host, broker.port, clean_start=False, properties=properties)
        self._client.loop_start()
        assert subscribed.wait(PATIENCE_S)

    def await_lines(self, enough):
        while not enough(self.lines):
            self.lines.append(self._received.get(timeout=PATIENCE_S))

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


class Place:
    """Where readings arrive, whatever it is: how a relay is told of it, and what is there."""

    def __init__(self, kind, target, read):
        self.kind, self.target, self.read = kind, target, read


@pytest.fixture(params=["jsonl", "webhook", "mqtt"])
def place(request, tmp_path, broker, authority):
    match request.param:
        case "jsonl":
            path = tmp_path / "readings.jsonl"
            yield Place("jsonl", str(path), lambda: path.read_bytes().splitlines())
        case "webhook":
            hook = WebHook([])
            url = f"http://127.0.0.1:{hook.port}/"
            yield Place("webhook", url, lambda: list(hook.lines))
            hook.close()
        case _:
            subscriber = Subscriber(broker, authority)

            def read():
                subscriber.await_lines(is_all)
                return subscriber.lines

            yield Place("mqtt", TOPIC, read)
            subscriber.close()


def names(lines):
    return frozenset(as_relayed(line).reading_id for line in lines)


def is_all(lines):
    return len(names(lines)) == READINGS


def told(office):
    """The journal of all processes: (what was done, kid and sequence) in order."""
    for line in (office.path.parent / "journal").read_text().splitlines():
        step = json.loads(line)
        for kid, ranges in step["records"].items():
            for first, last in ranges:
                yield from ((step["did"], kid, n) for n in range(first, last + 1))


def assert_receipted_after_emitted(office):
    emitted, published = set(), set()
    for did, kid, sequence in told(office):
        if did == "emitted":
            emitted.add((kid, sequence))
        if did == "published":
            published.add((kid, sequence))
            assert sequence == 1 or (kid, sequence) in emitted  # the first is the device's record
    assert emitted < published


def assert_named_alike(lines):
    by_cursor = defaultdict(set)
    for line in lines:
        by_cursor[as_relayed(line).cursor].add(line)
    assert all(len(same) == 1 for same in by_cursor.values())
    assert set(by_cursor) == set(range(1, READINGS + 1))


def test_every_reading_is_there_before_its_receipt(place, office, home, start):
    relay = start("relay", f"--{place.kind}", place.target)
    relay.wait_for("subscribed")
    home.send()
    home.await_receipts()
    lines = place.read()
    assert len(lines) == READINGS
    assert names(lines) == {name.hex() for name in office.verify().reading_ids}
    assert relay.stop() == 0
    assert_receipted_after_emitted(office)


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_loses_nothing_and_repeats_under_the_same_name(
    step, place, office, home, start
):
    dying = start(step, place.kind, place.target, script="dying_relay.py")
    dying.wait_for("subscribed")
    home.send()
    assert dying.end() == -signal.SIGKILL

    relay = start("relay", f"--{place.kind}", place.target)
    relay.wait_for("subscribed")
    home.send()
    home.await_receipts()
    lines = place.read()
    assert names(lines) == {name.hex() for name in office.verify().reading_ids}
    assert_named_alike(lines)
    assert relay.stop() == 0
    assert_receipted_after_emitted(office)


def test_killed_in_the_midst_of_a_line_it_writes_the_page_again(office, home, start, tmp_path):
    path = tmp_path / "readings.jsonl"
    dying = start("half", "jsonl", path, script="dying_relay.py")
    dying.wait_for("subscribed")
    home.send()
    assert dying.end() == -signal.SIGKILL
    assert not path.read_bytes().endswith(b"\n")

    relay = start("relay", "--jsonl", path)
    relay.wait_for("torn-line-cut")
    home.send()
    home.await_receipts()
    lines = path.read_bytes().splitlines()
    assert names(lines) == {name.hex() for name in office.verify().reading_ids}
    assert_named_alike(lines)
    assert relay.stop() == 0


def test_while_the_sink_is_away_nothing_is_receipted_and_it_is_said_once(home, start, office):
    hook = WebHook([500, "close", "cut"])
    relay = start("relay", "--webhook", f"http://127.0.0.1:{hook.port}/")
    relay.wait_for("subscribed")
    home.send()
    relay.wait_for("sink-lost")
    assert "sink-lost" not in relay.wait_for("sink-")
    home.await_receipts()
    assert is_all(hook.lines)
    assert relay.stop() == 0
    assert_receipted_after_emitted(office)
    hook.close()


def test_it_stops_while_the_sink_hangs_and_goes_on_after_the_next_start(home, start, office):
    hook = WebHook(["hang"])
    words = ("relay", "--webhook", f"http://127.0.0.1:{hook.port}/")
    relay = start(*words)
    relay.wait_for("subscribed")
    home.send()
    hook.posted.get(timeout=PATIENCE_S)
    assert relay.stop() == 0
    assert "published" not in {did for did, *_ in told(office)}
    again = start(*words)
    home.await_receipts()
    assert is_all(hook.lines)
    assert again.stop() == 0
    hook.close()


def test_a_topic_that_nobody_subscribes_to_is_waited_for(home, start, broker, authority, office):
    relay = start("relay", "--mqtt", TOPIC)
    relay.wait_for("subscribed")
    home.send()
    assert "matching subscribers" in relay.wait_for("sink-lost")
    subscriber = Subscriber(broker, authority)
    home.await_receipts()
    subscriber.await_lines(is_all)
    assert relay.stop() == 0
    assert_receipted_after_emitted(office)
    subscriber.close()


def test_a_broker_that_died_is_published_to_again_when_it_is_back(
    home, start, broker, authority, office
):
    subscriber = Subscriber(broker, authority)
    relay = start("relay", "--mqtt", TOPIC)
    relay.wait_for("subscribed")
    home.send()
    home.await_receipts()
    subscriber.await_lines(is_all)
    broker.kill()
    relay.wait_for("broker-lost")
    broker.start()
    relay.wait_for("subscribed")
    assert relay.stop() == 0
    again = start("relay", "--mqtt", TOPIC, "--since", "0")
    subscriber.await_lines(lambda lines: len(lines) >= 2 * READINGS)
    assert_named_alike(subscriber.lines)
    assert again.stop() == 0
    subscriber.close()


def test_a_topic_that_the_broker_refuses_is_said_with_the_next_step(home, start):
    relay = start("relay", "--mqtt", "clinic/other")
    relay.wait_for("subscribed")
    home.send()
    assert "access list" in relay.wait_for("sink-lost")
    assert relay.stop() == 0


def test_run_then_relay_on_one_ledger_emits_what_run_had_stored(home, start, tmp_path):
    run = start("run")
    run.wait_for("subscribed")
    home.send()
    home.await_receipts()
    assert run.stop() == 0
    path = tmp_path / "readings.jsonl"
    relay = start("relay", "--jsonl", path)
    relay.wait_for("subscribed")
    home.send()  # receipted once all that came before is with the sink
    home.await_receipts()
    assert relay.stop() == 0
    assert is_all(path.read_bytes().splitlines())


def test_standard_output_holds_readings_and_nothing_else(home, start):
    before = start("relay", "--jsonl", "-")
    before.wait_for("subscribed")
    assert before.stop() == 0
    home.send()
    relay = start("relay", "--jsonl", "-", stderr=False)
    lines = [relay.wait_for('"version":1').encode() for _ in range(READINGS)]
    assert is_all(lines)
    home.await_receipts()
    assert relay.stop() == 0


@pytest.mark.parametrize("topic", ["vitalpost", "vitalpost/v1/hub-1/receipts"])
def test_a_topic_among_those_of_the_hubs_is_refused(topic, start):
    relay = start("relay", "--mqtt", topic)
    assert "belongs to the hubs" in relay.wait_for("topic")
    assert relay.end() == 2
