import json
from html.parser import HTMLParser

from backend.billing.reasons import WORDS
from tests.backend.evidence_package.made import lines

VOID = {"meta"}


class Reader(HTMLParser):
    """A page as a browser reads it: its tags, their attributes, and the words of each cell."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.rows = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "tr":
            self.rows.append([])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)
        if self.open and self.open[-1] in {"td", "th"}:
            self.rows[-1].append(data)

    @property
    def text(self):
        return " ".join(self.words)


def test_the_page_is_whole_and_fetches_and_runs_nothing(files):
    page = Reader(files["evidence.html"])
    assert page.open == []
    assert set(page.tags) <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    assert {name for name, _ in page.attributes} == {"lang", "charset", "class"}
    assert b"url(" not in files["evidence.html"]
    assert b"@import" not in files["evidence.html"]


def test_every_reading_of_the_verdict_occurs_with_what_became_of_it(files):
    page = Reader(files["evidence.html"])
    rows = {row[0]: row for row in page.rows if row}
    readings = lines(files, "readings.jsonl")
    assert len(readings) == 7
    for one in readings:
        said = rows[one["identity"]]
        assert (one["counted_on"] or WORDS[one["reason"]]) in said


def test_every_code_is_told_with_its_reason_in_words(files):
    page = Reader(files["evidence.html"])
    rows = {row[0]: row for row in page.rows if row}
    for code in json.loads(files["verdict.json"])["codes"]:
        said = rows[code["code"]]
        if code["reason"]:
            assert said[1:3] == [f"blocked: {code['reason']}", WORDS[code["reason"]]]
        else:
            assert said[1].startswith("billable")


def test_the_thirty_days_are_there(files):
    page = Reader(files["evidence.html"])
    days = [row for row in page.rows if row and row[0].startswith("2026-03-") and len(row) == 5]
    assert len(days) == 30
    assert [row[1] for row in days].count("yes") == 5


def test_what_people_wrote_is_words_and_never_markup(files):
    page = Reader(files["evidence.html"])
    assert "<script>alert(1)</script>" in page.text
    assert "<b>nurse & co</b>" in page.text
    assert "script" not in page.tags
    assert "b" not in page.tags
