"""`vitalpost-backend relay`."""

from __future__ import annotations

import argparse
import ssl
import sys
from contextlib import closing
from pathlib import Path

from backend.cli.parsing import as_argument
from backend.cli.reader import add_reader, note
from backend.config import Broker, load
from backend.ledger import open_ledger
from backend.log import configure
from backend.relay.sinks import Sink
from backend.relay.sinks.jsonl import STDOUT, JsonLines, StandardOutput
from backend.relay.sinks.mqtt import Topic, check_topic
from backend.relay.sinks.token import load_token
from backend.relay.sinks.webhook import Webhook, check_url
from backend.workers import Worker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `(--jsonl FILE | --webhook URL | --mqtt TOPIC) [--since CURSOR]`."""
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--jsonl", metavar="FILE", help="append JSON lines; - is standard output")
    to.add_argument("--webhook", metavar="URL", type=as_argument(check_url), help="POST JSON lines")
    to.add_argument(
        "--mqtt",
        metavar="TOPIC",
        type=as_argument(check_topic),
        help="publish to another topic of the broker",
    )
    parser.add_argument(
        "--since",
        metavar="CURSOR",
        type=_parse_cursor,
        help="emit what follows this cursor again; 0: everything",
    )
    add_reader(parser)
    parser.epilog = "Logs JSON lines on stderr; stops on SIGTERM."


def run(args: argparse.Namespace) -> int:
    """Receive and hand on until SIGTERM."""
    settings = load(args.settings)
    token = load_token(settings) if args.webhook else None
    worker = Worker(settings)
    configure(sys.stderr)
    sink = args.jsonl or args.mqtt or args.webhook
    since = "where it was" if args.since is None else f"cursor {args.since}"
    with closing(open_ledger(settings, create=True)) as ledger:
        note(args, settings, ledger, None, f"every reading from {since} on, relayed to {sink}")

    def open_sink(broker: Broker, context: ssl.SSLContext) -> Sink:
        if args.webhook:
            return Webhook(args.webhook, token)
        if args.mqtt:
            return Topic(args.mqtt, broker, context)
        return StandardOutput() if args.jsonl == STDOUT else JsonLines(Path(args.jsonl))

    worker.relay(open_sink, args.since)
    return 0


def _parse_cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError("wanted a whole number from 0 on")
    return int(text)
