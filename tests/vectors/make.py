"""Makes docs/vectors: `python -m tests.vectors.make`. The same files, unless a format changed.

HPKE is random: what it made once is kept, and only verified again.
"""

import json
from pathlib import Path

from tests.vectors import exchanges, known, malformed, records, times

FOLDER = Path(__file__).parents[2] / "docs" / "vectors"


def load(name):
    """A file of vectors."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def make(encs):
    """The files by name; `encs` are sealed data keys by epoch, and gain what was missing."""
    epochs = known.epochs(encs)
    made = records.records(epochs["x25519"])
    sealed = [bytes.fromhex(one["sealed"]) for one in made]
    plaintexts = [bytes.fromhex(one["plaintext"]) for one in made]
    return {
        "keys": records.keys(),
        "key-records": records.key_records(epochs),
        "records": made,
        "statements": records.statements(epochs, sealed),
        "messages": records.messages(epochs, sealed),
        "receipts": records.receipts(epochs),
        "exchanges": exchanges.exchanges(epochs, plaintexts),
        "malformed": malformed.malformed(epochs),
        "times": times.times(),
    }


def load_encs():
    """The sealed data keys that the files hold."""
    if not (FOLDER / "key-records.json").exists():
        return {}
    return {one["name"]: bytes.fromhex(one["says"]["enc"]) for one in load("key-records")}


def main():
    """Write the files."""
    for name, vectors in make(load_encs()).items():
        text = json.dumps(vectors, indent=1, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(f"{text}\n")


if __name__ == "__main__":
    main()
