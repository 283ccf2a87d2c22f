# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure webui_pg_migrate beside pg_restore and other tools, all on one server. See README.md in this folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

PEERS = ("pg_restore", "open-webui-postgres-migration", "open-webui-sqlite-migration", "pgloader")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=500, metavar="MB", help="size of the SQLite file (default: 500)")
    parser.add_argument(
        "--peers", nargs="+", choices=[*PEERS, "all", "none"], default=["all"], help="measured beside the module (default: all)"
    )
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="runs of each; medians are shown (default: 1)")
    parser.add_argument("--limit", type=int, default=300, metavar="SECONDS", help="for each run of a peer (default: 300)")
    parser.add_argument("--server", choices=["debian", "18"], default="debian", help="Debian's, with lz4, or 18 from PyPI")
    options = parser.parse_args()
    options.peers = [] if "none" in options.peers else list(PEERS) if "all" in options.peers else options.peers
    if options.size < 5 or options.repeat < 1 or options.limit < 1:
        parser.error("--size wants 5 or more, --repeat and --limit 1 or more")
    return options


def main() -> int:
    options = arguments()
    # The servers, the schema and the module's environment are those of the tests.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from arena import compete

    return compete(options)


if __name__ == "__main__":
    sys.exit(main())
