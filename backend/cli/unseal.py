"""`vitalpost-backend unseal`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from backend.guarding.exports import write_export
from backend.guarding.sealed_files import unseal
from backend.keys.folder import read_key
from uplink.keys import OpeningKey


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `FILE --key PRIVATE --out FILE`."""
    parser.add_argument("file", metavar="FILE", type=Path, help="the sealed file")
    parser.add_argument(
        "--key", metavar="PRIVATE", type=Path, required=True, help="the recipient's private key"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="a new file")
    parser.epilog = "Needs no settings and no ledger. What is not whole is not written."


def run(args: argparse.Namespace) -> int:
    """Open the file."""
    key = read_key(args.key, OpeningKey.from_text)
    write_export(args.out, unseal(args.file, key))
    if args.json:
        print(json.dumps({"file": str(args.out)}))
    return 0
