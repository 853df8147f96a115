import json

from uplink.journal import JournalFile, Step


def test_two_processes_append_whole_lines_to_one_journal(tmp_path):
    path = tmp_path / "journal"
    hub = JournalFile(path, "hub-1", lambda: 5)
    office = JournalFile(path, "office", lambda: 6)
    hub(Step("sealed", {b"\x01" * 16: [(1, 3)]}))
    office(Step("acknowledged"))
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"at_ms": 5, "by": "hub-1", "did": "sealed", "records": {"01" * 16: [[1, 3]]}},
        {"at_ms": 6, "by": "office", "did": "acknowledged", "records": {}},
    ]
