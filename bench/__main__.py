"""Run the comparison and print it; see `--help`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import applies, builds, drift, fleet, functions, linting, reader, starts
from live.errors import LiveError
from tools.build import ToolError, say


def main() -> int:
    """Print the tables, and write them as JSON if requested."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="number of builds of each case (default: 7)")
    parser.add_argument(
        "--live",
        type=int,
        default=2,
        metavar="ROUNDS",
        help="number of timed runs of kubectl apply and of a cluster start (default: 2)",
    )
    parser.add_argument(
        "--consumers",
        type=int,
        default=fleet.CONSUMERS,
        metavar="NUMBER",
        help=f"number of consumers of one repository to build (default: {fleet.CONSUMERS})",
    )
    parser.add_argument(
        "--without-peers",
        action="store_true",
        help="lint alone, not beside istioctl and checkov, which are built first",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error(f"--rounds {arguments.rounds}: expected 1 or more")
    try:
        if arguments.json:
            arguments.json.touch()  # reports an unwritable file before the measurements
        rows = builds.compare(arguments.rounds)
        print(f"Ratios to upstream's install or the named base, median (lowest-highest) of {arguments.rounds} rounds\n")
        print(builds.table(rows))
        figures: dict[str, Any] = {"rounds": arguments.rounds, "builds": [row.as_json() for row in rows]}
        checked = functions.compare(arguments.rounds)
        print("\n" + functions.table(checked))
        figures["functions"] = [row.as_json() for row in checked]
        files = reader.compare(arguments.rounds)
        print("\n" + reader.table(files))
        figures["reader"] = [row.as_json() for row in files]
        drifts = drift.compare(arguments.rounds)
        print("\n" + drift.table(drifts))
        figures["drift"] = drifts.as_json()
        lints = linting.compare(arguments.rounds, peers=not arguments.without_peers)
        print("\n" + linting.table(lints))
        figures["lint"] = lints.as_json()
        if arguments.consumers > 0:
            many = fleet.measure(arguments.consumers)
            print("\n" + fleet.table(many))
            figures["fleet"] = asdict(many)
        if arguments.live > 0:
            times = applies.compare(arguments.live)
            print("\n" + applies.table(times))
            figures["applies"] = [asdict(row) for row in times]
            start = starts.measure(arguments.live)
            print("\n" + starts.table(start))
            figures["start"] = asdict(start)
        if arguments.json:
            arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    except (ToolError, LiveError, OSError) as error:
        say(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
