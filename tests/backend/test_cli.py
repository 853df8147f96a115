import json

import msgspec
import pytest
from sqlalchemy import select, update

from backend.cli import main
from backend.cli.reader import system_user
from backend.ledger import Ledger
from backend.reading_names import ReadingNames
from backend.tables import epoch, hub_end
from gateway.identity.provision import make_request
from tests.backend.office import KEY, PATIENT, START, ZONE, Office, frame, naive, utc
from tests.backend.stating import papers
from tests.fakes.web_hook import WebHook
from uplink.statements import Previous

NOON = utc(2026, 3, 2, 17)


class Shell:
    """`vitalpost-backend` with one settings file, as it answers."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self._capsys = capsys
        (folder / "backend.toml").write_text(f"""
[ledger]
path = "{folder / "ledger.db"}"
[keys]
dir = "{folder / "keys"}"
[broker]
host = "broker.example"
""")

    def run(self, *words):
        """Exit code, stdout and stderr."""
        code = main([*words, "--settings", str(self.folder / "backend.toml")])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def ask(self, *words):
        """The data of a command that finds no problem."""
        code, out, _ = self.run(*words, "--json")
        assert code == 0
        return json.loads(out)

    def enroll(self, **options):
        request = self.folder / "request.json"
        request.write_bytes(msgspec.json.encode(make_request(self.folder / "hub", "hub-1")))
        words = {
            "--patient": PATIENT,
            "--zone": ZONE,
            "--device": "A&D Medical/UA-651BLE/5181100123",
            "--from": "2026-03-01",
        }
        words |= options
        return self.run("enroll", str(request), *(w for pair in words.items() for w in pair))


@pytest.fixture
def shell(tmp_path, capsys):
    return Shell(tmp_path, capsys)


@pytest.fixture
def office(tmp_path):
    """An office whose ledger the commands read, with its key among theirs."""
    office = Office(tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "hpke.key").write_text(KEY.to_text())
    office.assign()
    hub = office.enroll().begin(START)
    hub.describe(NOON)
    hub.measure(NOON, frame(naive(NOON)))
    office.take_all(hub)
    office.take(hub, b"no key record")
    yield office
    office.ledger.close()


def test_an_office_is_set_up_by_keygen_and_enroll(shell):
    assert shell.run("keygen", str(shell.folder / "keys"), "--broker", "127.0.0.1")[0] == 0
    code, answer, words = shell.enroll()
    assert code == 0
    assert json.loads(answer)["hub"] == "hub-1"
    assert "vitalpost provision install" in words
    again = json.loads(shell.enroll()[1])
    assert again["certificate"] == json.loads(answer)["certificate"]
    assert [hub["hub"] for hub in shell.ask("hubs")["hubs"]] == ["hub-1"]
    assert shell.ask("days", PATIENT)["qualifying_days"] == 0


def test_what_was_enrolled_since_the_copy_is_named_until_it_is_enrolled_again(shell):
    shell.run("keygen", str(shell.folder / "keys"), "--broker", "127.0.0.1")
    shell.enroll()
    copy = shell.folder / "copy.db"
    assert shell.run("backup", "--out", str(copy))[0] == 0
    more = {"--device": "A&D Medical/UC-352BLE/77", "--from": "2026-04-01"}
    assert shell.enroll(**more)[0] == 0
    for rest in shell.folder.glob("ledger.db*"):
        rest.unlink()
    assert shell.run("restore", str(copy))[0] == 1
    code, out, _ = shell.run("missing")
    assert code == 1
    assert out.startswith(f"{PATIENT}: device-enrolled, noted ")
    assert out.endswith(f" by {system_user()}\n")
    assert shell.enroll(**more)[0] == 0
    assert shell.ask("missing")["missing"] == []


def test_what_goes_wrong_is_said_with_the_next_step(shell):
    assert shell.run("hubs")[0] == 1
    shell.run("keygen", str(shell.folder / "keys"))
    code, out, err = shell.run("keygen", str(shell.folder / "keys"))
    assert (code, out) == (1, "")
    assert "exists already" in err.splitlines()[0]
    assert len(err.splitlines()) == 2
    assert shell.enroll(**{"--zone": "America/Neverland"})[0] == 1
    (shell.folder / "backend.toml").write_text("[ledger]\n")
    code, _, err = shell.run("days", PATIENT)
    assert code == 78
    assert "ledger.path: found nothing" in err


def test_a_known_hub_is_answered_again_without_patient_and_device(shell):
    shell.run("keygen", str(shell.folder / "keys"))
    request = shell.folder / "request.json"
    request.write_bytes(msgspec.json.encode(make_request(shell.folder / "hub", "hub-1")))
    request = str(request)
    assert "hub hub-1 is new" in shell.run("enroll", request)[2]
    whole = shell.enroll()
    code, answer, _ = shell.run("enroll", request)
    assert code == 0
    assert json.loads(answer)["certificate"] == json.loads(whole[1])["certificate"]
    code, _, words = shell.run("enroll", request, "--patient", PATIENT)
    assert code == 1
    assert "belong together" in words


def test_further_keys_are_made_and_the_next_step_is_said(shell):
    keys = str(shell.folder / "keys")
    shell.run("keygen", keys, "--suite", "both")
    for kind in ("hpke", "receipt", "backend", "ca"):
        code, _, words = shell.run("keygen", keys, "--add", kind)
        assert (code, bool(words)) == (0, True)
    assert shell.run("keygen", keys, "--add", "broker")[0] == 2
    assert shell.run("keygen", keys, "--add", "broker", "--broker", "127.0.0.1")[0] == 0
    made = shell.ask("keygen", keys, "--add", "hpke", "--suite", "both")["files"]
    assert [name.rpartition("/")[2] for name in made] == [
        "hpke-4.key",
        "hpke-4.pub",
        "hpke-5.key",
        "hpke-5.pub",
    ]


def test_a_hub_is_retired_and_revoked_with_time_and_cause(shell):
    shell.run("keygen", str(shell.folder / "keys"))
    shell.enroll()
    before = (shell.folder / "keys" / "ca.crl").read_text()
    retired = shell.ask("retire", "hub-1", "--why", "replaced", "--at", "2026-03-01T12:00Z")
    assert retired == {"hub": "hub-1", "retired_ms": utc(2026, 3, 1, 12)}
    crl = shell.folder / "keys" / "ca.crl"
    assert shell.ask("revoke", "hub-1", "--why", "stolen")["crl"] == str(crl)
    assert crl.read_text() != before
    assert "SIGHUP" in shell.run("revoke", "hub-1", "--why", "again")[2]
    assert shell.run("retire", "hub-9", "--why", "unknown")[0] == 1
    opened = Ledger(shell.folder / "ledger.db", ReadingNames.of(shell.folder / "keys"))
    with opened.reading() as connection:
        ends = connection.execute(select(hub_end.c.what, hub_end.c.why)).all()
    opened.close()
    assert ends == [("retired", "replaced"), ("revoked", "stolen")]


@pytest.mark.parametrize(
    "words",
    [
        ["retire", "hub-1", "--why", "x", "--at", "2026-03-01T12:00"],
        ["retire", "hub-1", "--why", "x", "--at", "soon"],
        ["retire", "hub-1"],
        ["keygen", "keys", "--suite", "rot13"],
        ["days", PATIENT, "--month", "March"],
        ["enroll", "r", "--device", "only-a-serial"],
        ["enroll", "r", "--device-id", "00"],
        ["relay"],
        ["relay", "--jsonl", "a", "--mqtt", "b"],
        ["relay", "--jsonl", "a", "--since", "-1"],
        ["relay", "--jsonl", "a", "--since", "soon"],
        ["relay", "--webhook", "http://office.example/"],
        ["relay", "--mqtt", "clinic/+"],
        ["relay", "--mqtt", "#"],
        ["relay", "--mqtt", "$share/clinic"],
        ["relay", "--mqtt", "x" * 65_536],
        ["relay", "--mqtt", ""],
        ["unheard-of"],
        [],
    ],
)
def test_a_command_line_that_makes_no_sense_exits_2(words):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "\xff"])
def test_a_token_that_no_header_can_hold_is_refused_before_anything_starts(shell, token):
    shell.run("keygen", str(shell.folder / "keys"))
    (shell.folder / "keys" / "webhook.token").write_text(token)
    code, _, err = shell.run("relay", "--webhook", "https://office.example/in")
    assert code == 1
    assert "webhook.token" in err
    assert not (shell.folder / "ledger.db").exists()


def test_days_are_data_or_a_calendar(shell, office):
    days = shell.ask("days", PATIENT, "--month", "2026-03")
    assert (days["patient"], days["zone"], days["qualifying_days"]) == (PATIENT, ZONE, 1)
    assert len(days["days"]) == 31
    assert days["days"][1]["date"] == "2026-03-02"
    assert days["days"][1]["counted"]
    assert days["days"][1]["readings"] == 1
    assert days["held"] == []
    code, out, _ = shell.run("days", PATIENT, "--month", "2026-03")
    assert code == 0
    assert "  1.  2*  3.  4.  5.  6.  7." in out
    assert "qualifying days: 1" in out


def test_hubs_are_data_or_words(shell, office):
    (hub,) = shell.ask("hubs")["hubs"]
    assert (hub["hub"], hub["records"], hub["refused"]) == ("hub-1", 2, 1)
    (epoch,) = hub["epochs"]
    assert (hub["state"], hub["running"]) == ("tail-unknown", epoch["kid"])
    assert (epoch["state"], epoch["last_sequence"], epoch["ending"]) == ("running", 2, None)
    assert hub["incidents"][0]["what"] == "statement-refused"
    said = shell.run("hubs")[1]
    assert "2 records of 1 epochs, 0 parked" in said
    assert "hub-1  complete so far, and running" in said


def test_a_closed_hub_is_complete_and_one_that_only_runs_is_no_fault(shell, office):
    code, said, _ = shell.run("hubs")
    assert (code, "complete so far, and running" in said) == (0, True)
    hub = office.enroll("hub-2")
    assert "nothing has come yet" in shell.run("hubs")[1]
    hub.begin(START).anchors(2)
    office.take(hub, hub.key_record, hub.run(), hub.close())
    code, said, _ = shell.run("hubs")
    assert (code, "hub-2  complete  " in said) == (0, True)
    _, found = shell.ask("hubs")["hubs"]
    assert (found["state"], found["running"], found["gaps"]) == ("complete", None, [])
    assert found["epochs"][0]["ending"] == "closed"


def test_what_lacks_is_named_with_its_fate_and_exits_1(shell, office):
    hub = office.enroll("hub-2").begin(START).anchors(6)
    first = hub.epoch.kid
    office.take(hub, hub.key_record, hub.run(1, 1), hub.run(4, 4), hub.gone({first: [(2, 2)]}))
    hub.begin(START, Previous(first, 6, closed_cleanly=False))
    office.take(hub, hub.key_record)
    code, said, _ = shell.run("hubs")
    assert code == 1
    assert f"epoch {first.hex()}: 2 not stored, gone" in said
    assert f"epoch {first.hex()}: 5 to 6 not stored, asked for" in said
    _, out, _ = shell.run("hubs", "--json")
    (_, found) = json.loads(out)["hubs"]
    assert found["state"] == "gap"
    gap = {"kid": first.hex(), "first": 2, "last": 2, "fate": "gone"}
    assert gap in found["gaps"]


def test_a_tail_that_nobody_vouches_for_and_a_fork_are_said(shell, office):
    hub = office.enroll("hub-2").begin(START).anchors(2)
    first = hub.epoch.kid
    office.take(hub, hub.key_record, hub.run())
    for _ in range(2):
        hub.begin(START, Previous(first, 2, closed_cleanly=False)).anchors(1)
        office.take(hub, hub.key_record, hub.run())
    code, said, _ = shell.run("hubs")
    assert code == 1
    assert "whole up to 2; nobody vouches that nothing followed" in said
    assert f"forked after epoch {first.hex()}: " in said
    assert "1 x two-machines" in said


def test_verify_finds_no_problem_and_names_one(shell, office):
    found = shell.ask("verify")
    assert (found["records"], found["readings"], found["problems"]) == (2, 1, [])
    with office.ledger.writing() as connection:
        connection.execute(update(epoch).values(key_record=b"damaged"))
    code, out, err = shell.run("verify")
    assert code == 1
    assert "2 records" in out
    assert "statement: found no COSE_Sign1" in err


@pytest.mark.usefixtures("office")
def test_a_ledger_without_the_key_that_it_was_begun_with_says_so(shell):
    (shell.folder / "keys" / "hpke.key").unlink()
    shell.run("keygen", str(shell.folder / "others"))
    (shell.folder / "others" / "hpke.key").rename(shell.folder / "keys" / "hpke.key")
    for words in (("verify",), ("days", PATIENT)):
        code, out, err = shell.run(*words)
        assert (code, out) == (1, "")
        assert "none of the keys is the one that it was begun with" in err
        assert "Put every hpke*.key back" in err


def test_the_version_is_that_of_the_distribution(shell):
    assert shell.ask("version")["version"] in shell.run("version")[1]


def state_papers(shell):
    """What makes the office's one reading count, as somebody types it."""
    words = ("--by", "nurse-1", "--because", "the set-up visit")
    for line in papers():
        fields = [
            f"{name}={str(value).lower() if value is True else value}"
            for name, value in line["body"].items()
        ]
        assert shell.run("facts", "add", line["kind"], PATIENT, *fields, *words)[0] == 0


@pytest.mark.usefixtures("office")
def test_a_fact_is_added_once_and_listed_with_its_cause(shell):
    order = ("facts", "add", "order", PATIENT, "on=2026-03-01", "npi=1000000001")
    words = ("--by", "nurse-1", "--because", "fax of the practice")
    first, again = (shell.ask(*order, *words) for _ in range(2))
    assert first == {"added": again["known"], "known": []}
    (listed,) = shell.ask("facts", "list", PATIENT)["facts"]
    assert (listed["name"], listed["body"], listed["by"], listed["because"]) == (
        *first["added"],
        {"on": "2026-03-01", "npi": "1000000001"},
        "nurse-1",
        "fax of the practice",
    )
    code, _, said = shell.run(*order[:4], "on=yesterday", *words)
    assert code == 1
    assert "body.on: found 'yesterday', wanted a date such as 2026-03-01" in said


@pytest.mark.usefixtures("office")
def test_a_file_of_facts_is_imported_wholly_or_not_at_all(shell):
    file = shell.folder / "facts.jsonl"
    lines = [json.dumps(line) for line in papers()]
    file.write_text("\n".join([*lines, "{"]))
    code, _, said = shell.run("facts", "import", str(file))
    assert code == 1
    assert f"line {len(lines) + 1}" in said
    assert shell.ask("facts", "list", PATIENT)["facts"] == []
    file.write_text("\n".join(lines))
    assert len(shell.ask("facts", "import", str(file))["added"]) == len(lines)
    assert shell.ask("facts", "import", str(file))["added"] == []
    assert shell.run("facts", "import", str(shell.folder / "none"))[0] == 1


@pytest.mark.usefixtures("office")
def test_a_verdict_says_in_words_which_codes_are_billable_and_why_not(shell):
    code, _, said = shell.run("verdict", PATIENT)
    assert code == 1
    assert "facts add episode" in said
    state_papers(shell)
    found = shell.ask("verdict", PATIENT, "--period", "1", "--month", "2026-03")
    assert found["qualifying_days"] == 1
    reasons = {code["code"]: code.get("reason") for code in found["codes"]}
    assert reasons["99454"] == "DAYS_BELOW_16"
    assert (found["late"], found["excluded"]) == ([], [])
    code, out, _ = shell.run("verdict", PATIENT, "--period", "1")
    assert code == 0
    assert "99454  blocked, DAYS_BELOW_16: Fewer than 16 qualifying days." in out
    assert shell.run("verdict", PATIENT, "--policy", "day=moon")[0] == 2


@pytest.mark.usefixtures("office")
def test_days_show_the_grid_of_periods_once_an_episode_is_stated(shell):
    assert shell.ask("days", PATIENT)["grid"] is None
    state_papers(shell)
    grid = shell.ask("days", PATIENT)["grid"]
    assert grid["periods"][0]["qualifying_days"] == 1
    assert "30-day periods" in shell.run("days", PATIENT, "--month", "2026-03")[1]


@pytest.mark.usefixtures("office")
def test_what_is_at_risk_goes_to_stdout_to_a_file_or_to_a_webhook(shell):
    state_papers(shell)
    items = shell.ask("at-risk")["items"]
    assert [item["patient"] for item in items] == [PATIENT] * len(items)
    file = shell.folder / "at-risk.json"
    for _ in range(2):
        assert shell.run("at-risk", "--out", str(file))[0] == 0
    assert json.loads(file.read_bytes())["items"] == items
    assert file.stat().st_mode & 0o777 == 0o600
    assert shell.run("at-risk", "--out", str(shell.folder / "none" / "file"))[0] == 1
    hook = WebHook([])
    assert shell.run("at-risk", "--webhook", f"http://127.0.0.1:{hook.port}/in")[0] == 0
    posted = hook.posted.get(timeout=10)
    assert posted.headers["Content-Type"] == "application/json"
    assert json.loads(posted.body)["items"] == items
    hook.close()


@pytest.mark.usefixtures("office")
def test_a_rule_set_is_listed_loaded_and_signed(shell):
    known = shell.ask("rules", "list")
    assert [(one["id"], one["is_in_force"]) for one in known] == [
        ("us-medicare-2025", True),
        ("us-medicare-2026", True),
    ]
    code, out, _ = shell.run("rules", "list", "us-medicare-2026")
    assert code == 0
    file = shell.folder / "2027.json"
    file.write_text(out.replace("2026", "2027"))
    loaded = shell.ask("rules", "load", str(file), "--by", "clerk-1")
    assert not shell.ask("rules", "list")[-1]["is_in_force"]
    words = ("--by", "dr-1", "--because", "read it", "--hash")
    assert shell.run("rules", "sign", "us-medicare-2027", *words, "0" * 64)[0] == 1
    assert shell.run("rules", "sign", "us-medicare-2027", *words, loaded["sha256"])[0] == 0
    assert shell.ask("rules", "list")[-1]["signatures"][0]["by"] == "dr-1"
    assert shell.run("rules", "list", "us-medicare-2031")[0] == 1
    assert shell.run("rules", "load", str(shell.folder / "none"), "--by", "clerk-1")[0] == 1
