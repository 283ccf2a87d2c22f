# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the server of Open WebUI where many of them run on one machine: a program of its own, see stand_in.py.

What the collection can see of it is as of the real one: it works with the database that its environment names, keeps webui.db or a
connection to PostgreSQL open, tells at /ready whether that answers, and lets go of it when it is asked to end.

STAND_IN_UNWELL_ON names the kind of database, sqlite or postgresql, on which it never becomes healthy.

Usage: open-webui serve --host ADDRESS --port PORT
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any


def database() -> tuple[str, Any]:
    """The kind of database that the environment names, and a connection to it."""
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        return "sqlite", sqlite3.connect(Path(os.environ["DATA_DIR"]) / "webui.db")
    import psycopg

    return "postgresql", psycopg.connect(url, autocommit=True)


def handler(kind: str, connection: Any) -> type[BaseHTTPRequestHandler]:
    """What answers: well, where the database has the schema of Open WebUI."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            well = os.environ.get("STAND_IN_UNWELL_ON") != kind
            if well:
                connection.execute("SELECT version_num FROM alembic_version").fetchone()
            self.send_response(200 if well else 503)
            self.end_headers()
            self.wfile.write(b'{"status": true}' if well else b'{"status": false}')

        def log_message(self, *_arguments: object) -> None:
            """Nobody reads it."""

    return Handler


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_ignored: sys.exit(0))
    kind, connection = database()
    connection.execute("SELECT version_num FROM alembic_version").fetchone()
    try:
        HTTPServer((options.host, options.port), handler(kind, connection)).serve_forever()
    finally:
        connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
