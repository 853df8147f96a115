import json
import re
from pathlib import Path

import cbor2
import fastjsonschema
import pytest
import yaml

from tests.fakes.cddl import Cddl
from tests.uplink.test_forwarder import HUB, stand  # noqa: F401  a fixture

DOCS = Path(__file__).parents[2] / "docs"
API = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())
CHECK_STATUS = fastjsonschema.compile(json.loads((DOCS / "status.schema.json").read_text()))


def resolve(node):
    """What a reference within the document, or to a file beside it, stands for."""
    if not node["$ref"].startswith("#/"):
        return DOCS / node["$ref"]
    found = API
    for key in node["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    return found


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def address(channel):
    return API["channels"][channel]["address"].replace("{hub}", HUB)


def message_of(channel):
    (message,) = API["channels"][channel]["messages"].values()
    return resolve(message)


def test_every_reference_leads_somewhere():
    for reference in references(API):
        found = resolve(reference)
        assert not isinstance(found, Path) or found.is_file()


def test_every_channel_has_an_operation_with_its_bindings():
    assert API["asyncapi"] == "3.0.0"
    channels = {
        operation["channel"]["$ref"].split("/")[-1]: operation["bindings"]["mqtt"]
        for operation in API["operations"].values()
    }
    assert channels.keys() == API["channels"].keys()
    assert {name: binding["qos"] for name, binding in channels.items()} == {
        "records": 1,
        "receipts": 0,
        "status": 1,
    }
    for channel in API["channels"].values():
        assert re.findall("{(.+?)}", channel["address"]) == list(channel["parameters"])


async def test_what_a_hub_and_a_backend_really_send_is_what_the_document_says(stand):  # noqa: F811
    office = await stand.office()
    heard = []
    hear = office._hear
    office.link._on_message = lambda message: (heard.append(message), hear(message))
    hub = await stand.hub(office)
    receipts = []
    hub.forwarder._hear = lambda message, then=hub.forwarder._hear: (
        receipts.append(message),
        then(message),
    )
    await hub.measure(3)
    await hub.until_delivered()
    await office.until(lambda: len({message.topic for message in heard}) == 2)

    assert {message.topic for message in heard} == {address("records"), address("status")}
    assert {message.topic for message in receipts} <= {address("receipts")}
    grammar = Cddl((DOCS / "wire.cddl").read_text())
    for message in heard:
        if message.topic == address("records"):
            assert grammar.matches(message_of("records")["x-cddl-rule"], message.payload)
            (key_record,) = (i for i in cbor2.loads(message.payload) if isinstance(i, bytes))
            assert grammar.matches("sign1", key_record)
        else:
            CHECK_STATUS(json.loads(message.payload))
            assert len(message.payload) < 500
    for message in receipts:
        assert grammar.matches(message_of("receipts")["x-cddl-rule"], message.payload)


async def test_the_will_of_a_hub_is_a_status(stand):  # noqa: F811
    office = await stand.office()
    hub = await stand.hub(office, is_running=False)
    running = stand.start(hub)
    await office.until(lambda: office.statuses)
    running.cancel()
    await office.until(lambda: len(office.statuses) > 1)
    states = [json.loads(message.payload) for message in office.statuses]
    for state in states:
        CHECK_STATUS(state)
    assert states[-1] == {"state": "gone"}


@pytest.mark.parametrize(
    "status", [{}, {"state": "away"}, {"state": "connected"}, {"state": "gone", "depth": -1}]
)
def test_what_is_no_status_is_refused(status):
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        CHECK_STATUS(status)
