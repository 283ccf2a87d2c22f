# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A webui.db in the hands of a test: rows of Open WebUI's tables with as little as they need."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator


class SourceFile:
    """Changes a file through connections that are closed again at once, as after a clean stop of Open WebUI."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pragmas: list[str] = []

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path)
        try:
            for pragma in self._pragmas:
                connection.execute(pragma)
            yield connection
            connection.commit()
        finally:
            connection.close()

    def execute(self, sql: str, *parameters: object) -> None:
        """Run a statement. A PRAGMA holds for all that follows."""
        if sql.startswith("PRAGMA"):
            self._pragmas.append(sql)
        with self.connect() as connection:
            connection.execute(sql, parameters)

    def rows(self, sql: str) -> list[tuple]:
        with self.connect() as connection:
            return connection.execute(sql).fetchall()

    def insert_row(self, table: str, **values: object) -> None:
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" for _turn in values)
        self.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', *values.values())

    def add_chat(self, key: str, **values: object) -> None:
        self.insert_row("chat", **{"id": key, "user_id": "u", "title": "t", "chat": "{}", "meta": "{}", **values})

    def add_user(self, key: str, **values: object) -> None:
        defaults = {
            "id": key,
            "name": key,
            "email": f"{key}@example.com",
            "role": "user",
            "profile_image_url": "/user.png",
            "last_active_at": 1,
            "updated_at": 1,
            "created_at": 1,
        }
        self.insert_row("user", **{**defaults, **values})

    def redeclare(self, table: str, column: str, declared: str, wanted: str) -> None:
        """Change what SQLite believes of a column: older files declare other things than they hold."""
        with self.connect() as connection:
            (definition,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            for quoted in (column, f'"{column}"'):
                definition = definition.replace(f"{quoted} {declared}", f"{quoted} {wanted}".rstrip(), 1)
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (definition, table))
