"""`python -m simulator home | oximeter | plugged | demo`: devices, or a scripted month of them."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from simulator import home
from simulator.kinds import KINDS, Wanted

CUFF = Wanted("cuff", "ua-651ble")


def main() -> int:
    """Run one of them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    programs = parser.add_subparsers(required=True)

    of_home = programs.add_parser("home", help="devices on a virtual radio; commands on stdin")
    of_home.add_argument("--clock", type=Path, required=True, help="file of the script's clock")
    of_home.add_argument("--log", type=Path, required=True, help="the devices' log, appended to")
    of_home.add_argument(
        "--device",
        type=Wanted.parse,
        action="append",
        metavar="'NAME=KIND [serial=S] [address=A] [ppm=N] [passkey=N]'",
        help=f"once for each; a kind of {', '.join(KINDS)}; without any a cuff",
    )
    of_home.add_argument("--seed", type=int, default=0, help="for serial and address not given")
    of_home.set_defaults(run=run_home)

    of_oximeter = programs.add_parser("oximeter", help="a CMS50 on a pty; commands on stdin")
    of_oximeter.add_argument("--port", type=Path, required=True, help="a link to make; its port")
    of_oximeter.add_argument("--seed", type=int, default=0, help="for its noise")
    of_oximeter.set_defaults(run=run_oximeter)

    of_plugged = programs.add_parser("plugged", help="another on a pty; commands on stdin")
    of_plugged.add_argument("kind", choices=("dispenser", "taidoc"))
    of_plugged.add_argument("--port", type=Path, required=True, help="a link to make; its port")
    of_plugged.set_defaults(run=run_plugged)

    of_demo = programs.add_parser("demo", help="a month of a patient, with faults")
    of_demo.add_argument("--script", type=Path, help="a TOML file; else the month that is shipped")
    of_demo.add_argument("--json", action="store_true", help="data instead of a table")
    of_demo.add_argument("--keep", action="store_true", help="keep what every part wrote")
    of_demo.set_defaults(run=run_demo)

    args = parser.parse_args()
    code: int = args.run(args)
    return code


def run_home(args: argparse.Namespace) -> int:
    """Be a home until stdin ends."""
    settings = home.Settings(args.clock, args.log, args.device or [CUFF], args.seed)
    try:
        asyncio.run(home.run(settings))
    except OSError as error:
        sys.exit(f"{error}. Give --clock and --log files in a folder that exists.")
    return 0


def run_oximeter(args: argparse.Namespace) -> int:
    """Be an oximeter until stdin ends."""
    from simulator import oximeter  # noqa: PLC0415  a home needs no pty

    try:
        asyncio.run(oximeter.run(args.port, args.seed))
    except OSError as error:
        sys.exit(f"{error}. Give --port a path in a folder that exists, where nothing lies yet.")
    return 0


def run_plugged(args: argparse.Namespace) -> int:
    """Be a device on a pty until stdin ends."""
    from simulator import plugged  # noqa: PLC0415  a home needs no pty

    try:
        asyncio.run(plugged.run(args.port, args.kind))
    except OSError as error:
        sys.exit(f"{error}. Give --port a path in a folder that exists, where nothing lies yet.")
    return 0


def run_demo(args: argparse.Namespace) -> int:
    """Play a script; 0 when nothing was lost, doubled or miscounted."""
    from simulator import demo, script  # noqa: PLC0415  a home needs neither

    try:
        month = script.load(args.script or script.MONTH)
    except (OSError, ValueError) as error:
        sys.exit(f"{error}. The script that is shipped, simulator/scripts/month.toml, plays.")
    return asyncio.run(demo.main(month, as_json=args.json, keep=args.keep))


if __name__ == "__main__":
    sys.exit(main())
