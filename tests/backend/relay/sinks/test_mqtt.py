import pytest

from backend.config import Broker, load
from backend.errors import SinkFailed, SinkRefused
from backend.intake.receive import tls_context
from backend.relay.sinks import Page
from backend.relay.sinks.mqtt import Topic, check_topic
from drivers.errors import Retry
from tests.backend.at_broker import write_settings
from tests.fakes.broker import MosquittoBroker

TOPIC = "clinic/readings"


@pytest.fixture
def broker(tmp_path, authority):
    """One that takes packets of at most 700 bytes, and lets the backend write to the topic."""
    broker = MosquittoBroker(tmp_path / "broker", authority)
    settings = tmp_path / "broker" / "mosquitto.conf"
    text = settings.read_text()
    assert "max_packet_size 65536" in text
    settings.write_text(text.replace("max_packet_size 65536", "max_packet_size 700"))
    rules = tmp_path / "broker" / "certs" / "mosquitto.acl"
    rules.write_text(f"{rules.read_text()}\nuser backend\ntopic write {TOPIC}\n")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def topic(tmp_path, office, broker, authority):
    settings = load(write_settings(tmp_path, office, broker, authority))
    topic = Topic(TOPIC, settings.broker, tls_context(settings))
    yield topic
    topic.close()


def test_a_reading_too_long_for_the_broker_is_waited_for_aloud(topic):
    for _ in range(2):
        with pytest.raises(SinkFailed) as caught:
            topic.write(Page(1, 2, [b"{}", b"x" * 690], {}))
        assert caught.value.retry is Retry.TECHNICIAN
        assert "max_packet_size" in caught.value.hint


def test_a_broker_that_is_away_is_tried_again(topic, broker):
    broker.kill()
    with pytest.raises(SinkFailed) as caught:
        topic.write(Page(1, 1, [b"{}"], {}))
    assert caught.value.retry is Retry.LATER
    broker.start()
    with pytest.raises(SinkFailed, match="subscribers"):
        topic.write(Page(1, 1, [b"{}"], {}))


def test_topics_of_the_hubs_are_refused():
    broker = Broker("office.example", prefix="home")
    for topic in ("home", "home/v1/hub-1/receipts"):
        with pytest.raises(SinkRefused):
            Topic(topic, broker, None)
    Topic("homes", broker, None)


@pytest.mark.parametrize("topic", ["a", "/", "clinic/readings", "ä"])
def test_topics_that_can_be_published_to_are_taken(topic):
    assert check_topic(topic) == topic
