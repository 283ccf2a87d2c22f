# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and Open WebUI do to a webui.db, by the dice, and what a target holds in the end."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

from psycopg import sql

from .source import SourceFile


class History:
    """What people and Open WebUI do to a file, by the dice."""

    def __init__(self, file: SourceFile, seed: int) -> None:
        self.file = file
        self.dice = random.Random(seed)
        self.number = 0

    def name(self) -> str:
        self.number += 1
        return f"{self.dice.randrange(16**6):06x}-{self.number}"

    def document(self) -> str:
        text = "".join(self.dice.choice("abc é\\\\n𝄞'\"") for _each in range(self.dice.choice((0, 5, 400, 9000))))
        return json.dumps({"text": text, "n": self.dice.choice((1, 1.0, -0.0, "1", None))})

    def one_of(self, db: sqlite3.Connection, table: str) -> str | None:
        keys = [key for (key,) in db.execute(f'SELECT id FROM "{table}" ORDER BY id')]
        return self.dice.choice(keys) if keys else None

    def grow(self, db: sqlite3.Connection) -> None:
        user, chat, file, message, group = (self.name() for _each in range(5))
        parent = self.one_of(db, "group")
        db.execute(
            'INSERT INTO "user" (id, name, email, role, profile_image_url, last_active_at, updated_at, created_at)'
            " VALUES (?, ?, ?, 'user', '/', 1, 1, 1)",
            (user, user, f"{user}@example.com"),
        )
        db.execute(
            "INSERT INTO chat (id, user_id, title, chat, meta, share_id) VALUES (?, ?, 't', ?, '{}', ?)",
            (chat, user, self.document(), chat),
        )
        db.execute("INSERT INTO file (id, user_id, filename, data) VALUES (?, ?, 'f', ?)", (file, user, self.document()))
        db.execute(
            "INSERT INTO chat_file (id, user_id, chat_id, file_id, created_at, updated_at) VALUES (?, ?, ?, ?, 1, 1)",
            (self.name(), user, chat, file),
        )
        db.execute(
            "INSERT INTO chat_message (id, chat_id, user_id, role, content, created_at, updated_at) VALUES (?, ?, ?, 'user', ?, 1, 1)",
            (message, chat, user, self.document()),
        )
        db.execute('INSERT INTO "group" (id, user_id, name, parent_group_id) VALUES (?, ?, ?, ?)', (group, user, group, parent))
        db.execute("INSERT INTO tag (id, name, user_id, meta) VALUES (?, 'T', ?, ?)", (self.name(), user, self.document()))
        db.execute("INSERT INTO config_old (data, version) VALUES (?, 0)", (self.document(),))
        number = self.dice.choice((1, 1.0, 0.5, "-0.0", "1.0", '"1"', "null", 300))
        db.execute("INSERT INTO config (key, value) VALUES (?, ?)", (self.name(), number))

    def change(self, db: sqlite3.Connection) -> None:
        chat = self.one_of(db, "chat")
        db.execute("UPDATE chat SET chat = ?, updated_at = ? WHERE id = ?", (self.document(), self.dice.randrange(99), chat))
        db.execute("UPDATE chat SET title = title WHERE id = ?", (chat,))
        key = self.dice.choice([key for (key,) in db.execute("SELECT key FROM config ORDER BY key")] or [None])
        db.execute("UPDATE config SET value = ? WHERE key = ?", (self.dice.choice((1, 1.0, "1.0", '"1"')), key))

    def lose(self, db: sqlite3.Connection) -> None:
        """Rows go, and those that refer to them stay, as Open WebUI leaves them."""
        table = self.dice.choice(("chat", "file", "user", "group", "chat_file", "config_old", "tag"))
        db.execute(f'DELETE FROM "{table}" WHERE id = ?', (self.one_of(db, table),))

    def heal(self, db: sqlite3.Connection) -> None:
        """Orphans find a parent again."""
        lost = db.execute("SELECT chat_id FROM chat_file WHERE chat_id NOT IN (SELECT id FROM chat) ORDER BY 1 LIMIT 1").fetchone()
        if lost:
            db.execute("INSERT INTO chat (id, user_id, title, chat, meta) VALUES (?, 'u', 'again', '{}', '{}')", lost)

    def swap(self, db: sqlite3.Connection) -> None:
        """Two rows exchange their keys, and two a unique value."""
        for table, column in (("file", "id"), ("chat", "share_id")):
            one, other = self.one_of(db, table), self.one_of(db, table)
            if one != other and one and other:
                (a,), (b,) = (db.execute(f"SELECT {column} FROM {table} WHERE id = ?", (key,)).fetchone() for key in (one, other))
                rows = [db.execute(f"SELECT rowid FROM {table} WHERE id = ?", (key,)).fetchone()[0] for key in (one, other)]
                db.execute(f"UPDATE {table} SET {column} = 'aside' WHERE rowid = ?", rows[:1])
                db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (a, rows[1]))
                db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (b, rows[0]))

    def renumber(self, db: sqlite3.Connection) -> None:
        db.execute("UPDATE chat SET rowid = rowid + 100000 WHERE rowid % 2 = 0")

    def empty(self, db: sqlite3.Connection) -> None:
        db.execute(f"DELETE FROM {self.dice.choice(('tag', 'chat_file', 'chat_message', 'config'))}")

    def go_on(self, steps: int) -> None:
        deeds = [self.grow] * 6 + [self.change] * 6 + [self.lose] * 4 + [self.heal] * 2 + [self.swap] * 2 + [self.renumber, self.empty]
        with self.file.connect() as db:
            for _step in range(steps):
                self.dice.choice(deeds)(db)
        if self.dice.random() < 0.5:
            with closing(sqlite3.connect(self.file.path)) as db:
                db.execute("VACUUM")


def content(target) -> dict[str, list]:
    """Every row of every table of Open WebUI, and the definitions of all."""
    with target.admin() as connection:
        tables = connection.execute("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        found = {
            name: connection.execute(sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier("public", name))).fetchall()
            for (name,) in tables
        }
        found["constraints"] = connection.execute(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
        ).fetchall()
        found["indexes"] = connection.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1").fetchall()
    return found


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def demand_same_as_a_full_load(migrate, source: SourceFile, target, other, **options) -> None:
    """The target holds what a full load of the source makes of the other one: rows, definitions, and what is recorded of them."""
    full = migrate(source.path, other, **options)
    assert full["road"] == "full", full
    assert content(target) == content(other)
    with target.connect() as one, other.connect() as two:
        query = "SELECT tables FROM webui_migration.run ORDER BY finished_at DESC LIMIT 1"
        ours, theirs = (
            {(table["name"], table["rows"], table["digest"], table["bytes"]) for table in connection.execute(query).fetchone()[0]}
            for connection in (one, two)
        )
    assert ours == theirs
