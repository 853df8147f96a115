import json
import subprocess
from pathlib import Path

import pytest

from tests.docs.expected import as_expected, is_as_expected
from tests.interop.foreign import CONSUMERS, NODE, PYTHON
from tests.vectors.make import FOLDER, load
from uplink.seal import verify_receipt


@pytest.fixture(scope="module", params=[PYTHON, NODE], ids=lambda one: one.language)
def made(request, tmp_path_factory):
    consumer = request.param
    program = Path(__file__).with_name(f"run_vectors.{consumer.suffix}")
    folder = tmp_path_factory.mktemp(consumer.language)
    words = [program, CONSUMERS / consumer.language, FOLDER, folder]
    command = [*consumer.interpreter, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_message_gets_the_receipt_that_the_vectors_state(made):
    public = bytes.fromhex(load("keys")["receipt"]["public"])
    wrong = {}
    for name, exchange in load("exchanges").items():
        receipts = [
            data and verify_receipt(bytes.fromhex(data), [public])
            for data in made["exchanges"][name]
        ]
        for step, receipt in zip(exchange["steps"], receipts, strict=True):
            if not is_as_expected(step, receipt):
                wrong[name] = as_expected(receipt)
    assert wrong == {}


def test_a_date_is_that_of_the_full_rule_or_held_where_the_vectors_allow_it(made):
    wrong = {
        case["name"]: found
        for case in load("times")
        if (found := made["times"][case["name"]]) != case["date"]
        and not (found is None and "may_hold" in case)
    }
    assert wrong == {}


def test_key_records_records_and_receipts_are_those_of_the_vectors(made):
    assert made["key_records"] == {one["name"]: one["opens"] for one in load("key-records")}
    assert made["records"] == {one["name"]: one["plaintext"] for one in load("records")}
    assert made["receipts"] == {one["name"]: one["bytes"] for one in load("receipts")}
