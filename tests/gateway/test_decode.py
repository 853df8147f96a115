import argparse
import json

import pytest

from gateway.cli import decode, drivers

FRAME = "167d0050006600e10701100c273640000000"  # HEADS-project/ThingML-BLE@a7aa158
FULL_UUID = "00002A35-0000-1000-8000-00805F9B34FB"


@pytest.fixture
def call(capsys):
    def call(command, *words):
        parser = argparse.ArgumentParser(prog="vitalpost")
        commands = parser.add_subparsers(dest="command")
        command.add_arguments(commands.add_parser(command.__name__.rpartition(".")[2]))
        code = command.run(parser.parse_args([command.__name__.rpartition(".")[2], *words]))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def objects(out):
    return [json.loads(line) for line in out.splitlines()]


def test_a_reading_is_one_json_object_with_all_its_facts(call):
    code, out, err = call(decode, "sig-blood-pressure", "--json", FRAME)
    assert (code, err) == (0, "")
    assert objects(out) == [
        {
            "driver": "sig-blood-pressure",
            "observations": [
                {"metric": "MDC_PRESS_BLD_NONINV_SYS", "value": "125", "unit": "mm[Hg]"},
                {"metric": "MDC_PRESS_BLD_NONINV_DIA", "value": "80", "unit": "mm[Hg]"},
                {"metric": "MDC_PRESS_BLD_NONINV_MEAN", "value": "102", "unit": "mm[Hg]"},
                {"metric": "MDC_PULS_RATE_NON_INV", "value": "64", "unit": "/min"},
            ],
            "device_time": "2017-01-16T12:39:54",
            "record_number": None,
            "status": [],
            "failed": False,
            "origin": "unknown",
            "attributes": {},
            "implausible": [],
            "raw": [FRAME],
        }
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("sig-blood-pressure", FRAME),
        ("--characteristic", "2a35", FRAME),
        ("--characteristic", "0x2A35", FRAME),
        ("--characteristic", FULL_UUID, FRAME),
        ("sig-blood-pressure", "--characteristic", "2A35", "--name", "A&D", FRAME),
        (FRAME, "--characteristic", "2A35"),
        ("sig-blood-pressure", "0x" + FRAME),
        ("sig-blood-pressure", " ".join(FRAME[i : i + 2] for i in range(0, 36, 2))),
        ("sig-blood-pressure", ":".join(FRAME[i : i + 2] for i in range(0, 36, 2))),
        ("sig-blood-pressure", "-".join(FRAME[i : i + 2] for i in range(0, 36, 2)).upper()),
    ],
)
def test_driver_characteristic_and_hex_may_be_written_in_many_ways(call, words):
    code, out, _ = call(decode, *words)
    assert (code, json.loads(out)["raw"]) == (0, [FRAME])


def test_a_malformed_frame_says_what_where_and_what_next_and_the_others_are_decoded(call):
    code, out, err = call(decode, "--characteristic", "2A35", "--json", "16", "", FRAME)
    cut, empty, reading = objects(out)
    assert code == 1
    assert cut["error"] == {
        "kind": "DecodeError",
        "what": "2-byte field cut to 0",
        "at": 1,
        "frame": "16",
    }
    assert (empty["error"]["frame"], reading["raw"]) == ("", [FRAME])
    assert err.splitlines()[0].startswith("2-byte field cut to 0 at byte 1 of 1. Check that")
    assert len(err.splitlines()) == 2


def test_values_are_written_as_sent_without_an_exponent(call):
    _, out, _ = call(decode, "sig-blood-pressure", "--json", "000c10b0f49ff0")
    assert [o["value"] for o in objects(out)[0]["observations"]] == ["120", "120.0", "15.9"]


def test_the_name_chooses_the_quirk(call):
    frame = "566a0047000000ea07080b121f00003f000000"
    assert call(decode, "sig-blood-pressure", "--name", "BM85", frame)[0] == 0
    assert call(decode, "sig-blood-pressure", frame)[0] == 1


@pytest.mark.parametrize(
    ("characteristic", "sent", "printed"),
    [
        ("2A08", "e3070c190a1e2d", {"clock": "2019-12-25T10:30:45"}),
        ("2A2B", "000000000c1e00010000", {"clock": None}),
        ("2A19", "42", {"battery": 66}),
        (
            "2A24",
            "554132353100",
            {
                "device_information": {
                    "maker": "",
                    "model": "UA251",
                    "serial": "",
                    "firmware": "",
                }
            },
        ),
    ],
)
def test_what_is_no_reading_is_printed_under_its_own_key(call, characteristic, sent, printed):
    code, out, _ = call(decode, "--characteristic", characteristic, sent)
    assert (code, json.loads(out)) == (0, printed)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((FRAME,), "Name a driver"),
        (("sig-blood-pressure",), "no frame"),
        (("sig-blood-pressure", "16f"), "3 hex digits"),
        (("sig-blood-pressure", FRAME, "16fg"), "frame 2: 'g' at character 3"),
        (("sig-blood-pressure", "--characteristic", "2A18", FRAME), "no characteristic 2A18"),
        (("--characteristic", "2A99", FRAME), "2A99 is known to no driver"),
    ],
)
def test_what_cannot_be_understood_is_one_line_with_the_next_step(call, words, told):
    code, out, err = call(decode, *words)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1


METER = ("sig-glucose", "2A52=05000200")
RECORDS = (
    "121000e9070b1608010064b011",
    "0x2A34=02100001",
    f"{FULL_UUID.replace('2A35', '2A18')}=021100e9070b1608020064b011",
    "2A52=06000101",
)


def test_frames_of_several_characteristics_are_one_session(call):
    code, out, err = call(decode, *METER, *RECORDS)
    assert (code, err) == (0, "")
    before, after, bookmark, counted, reported = objects(out)
    assert (before["attributes"]["meal"], before["record_number"]) == ("preprandial", 16)
    assert before["raw"] == ["121000e9070b1608010064b011", "02100001"]
    assert (after["record_number"], bookmark) == (17, {"bookmark": "17 e46c 2"})
    assert counted["record_access"] == {
        "request": "report_number_of_records",
        "outcome": "success",
        "records": 2,
    }
    assert reported["record_access"]["outcome"] == "success"


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        ("06000204", {"request": "delete_records", "outcome": "operator_not_supported"}),
        ("0600010a", {"request": "report_records", "outcome": 10}),
        ("06000106", {"request": "report_records", "outcome": "no_records_found"}),
    ],
)
def test_an_answer_of_a_control_point_is_told_without_a_session(call, frame, told):
    code, out, err = call(decode, "sig-glucose", f"2A52={frame}")
    assert (code, err, objects(out)) == (0, "", [{"record_access": {**told, "records": None}}])


def test_an_answer_that_is_none_is_a_problem(call):
    code, out, err = call(decode, "sig-glucose", "2A52=0500030201")
    assert (code, objects(out)[0]["error"]["at"]) == (1, 4)
    assert err.startswith("frame goes on for 1 at byte 4 of 5.")


def test_the_characteristic_that_a_driver_measures_by_names_it(call):
    assert objects(call(decode, "2A18=080100e807010f0a1e000100")[1])[0]["driver"] == "sig-glucose"
    assert call(decode, "2A34=02100001", "2A18=021100e9070b1608020064b011")[0] == 0


def test_a_word_may_name_no_characteristic_that_the_driver_does_not_know(call):
    code, out, err = call(decode, "sig-glucose", "2A35=00")
    assert (code, out) == (2, "")
    assert "sig-glucose has no characteristic 2A35" in err


def test_the_installed_drivers_are_listed(call):
    code, out, _ = call(drivers, "list", "--json")
    known = {driver["id"]: driver for driver in json.loads(out)}
    assert (code, known["sig-blood-pressure"]["writes"]) == (0, ["2A08", "2A2B"])
    wired = known["contec-cms50"]
    assert (wired["line"]["baud"], wired["commands"]) == (19200, ["f5f5", "f6f6f6"])
    assert "sig-blood-pressure" in call(drivers, "list")[1]


def test_the_frames_of_a_serial_line_are_one_series(call):
    code, out, err = call(decode, "contec-cms50", "85 40074861c54147", "4862", "9000007f7f")
    assert (code, err) == (0, "")
    [series] = objects(out)
    assert series["series"][0] == {
        "metric": "MDC_PULS_OXIM_SAT_O2",
        "unit": "%",
        "runs": [["97", 1], ["98", 1]],
    }
    assert (series["count"], series["rate"], series["failed"]) == (2, "60", False)
    assert series["attributes"] == {"signal_strength": [[5, 2]], "beep": [[0, 1], [1, 1]]}
    assert series["raw"] == ["8540074861c541474862"]


def test_a_serial_line_without_a_whole_frame_is_a_problem(call):
    code, out, err = call(decode, "contec-cms50", "85400748")
    assert (code, out) == (1, "")
    assert err.startswith("No whole frame. Check that")
    code, _, err = call(decode, "contec-cms50", "--characteristic", "2A35", "85400748")
    assert (code, "it is serial" in err) == (2, True)


def test_what_cannot_be_so_is_shown_as_it_came_with_a_flag_beside_it(call):
    code, out, _ = call(decode, "sig-blood-pressure", "--json", "06500078005d00f507060f081e003c00")
    [reading] = objects(out)
    assert code == 0
    assert reading["implausible"] == ["systolic-below-diastolic", "device-time-in-future"]
    assert reading["device_time"] == "2037-06-15T08:30:00"
    assert reading["observations"][0]["value"] == "80"
