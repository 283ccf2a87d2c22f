# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds a webui.db of a given size, as a busy Open WebUI leaves it behind. The same size gives the same content.

The schema is Open WebUI's own, made by its migrations. Values are stored as Open WebUI stores them: JSON by its present
codec (compact, UTF-8) or, in the older half of the chats, by its former one (spaced, ASCII with escapes); an unset JSON
field of a message is JSON's null. Nothing in it needs repair, and no row lacks its parent: this is about speed.

Usage: source.py TEMPLATE SIZE_MB DESTINATION
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from text import Writer

MB = 1_000_000
SEED = 20260101

# For each MB of the whole file. 500 MB: 100,000 messages in some 5,000 chats.
MESSAGES_PER_MB = 190
CHANNEL_MESSAGES_PER_MB = 10
USERS_PER_MB = 0.1
CONFIG_ROWS = 370

BATCH = 50
FIRST_SECOND = 1_700_000_000
_MODELS = ("gpt-4o", "llama3.1:8b", "qwen2.5-coder:32b", "claude-sonnet", "gemma2:27b")
_NULL = "null"

Row = tuple[Any, ...]


def compact(value: object) -> str:
    """JSON as Open WebUI 0.12 stores it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Builder:
    """Fills one file. Everything is drawn from one random generator, in one order."""

    def __init__(self, connection: sqlite3.Connection, size: int) -> None:
        self.connection = connection
        self.size = size
        self.rng = random.Random(SEED)
        self.writer = Writer(self.rng)
        self.second = FIRST_SECOND
        self.users: list[str] = []
        self.folders: dict[str, list[str]] = {}
        self.chats: list[tuple[str, str]] = []

    def build(self) -> None:
        """Fill all tables until the file has its size."""
        with self._without_indexes():
            self._insert("config", "key value updated_at", self._config())
            self._people()
            self._chats(self.size * MESSAGES_PER_MB)
            self._channels(self.size * CHANNEL_MESSAGES_PER_MB)
        self._link(self._files())

    def _id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def _tick(self) -> int:
        self.second += self.rng.randint(1, 400)
        return self.second

    def _insert(self, table: str, columns: str, rows: list[Row]) -> None:
        names = columns.split()
        marks = ", ".join("?" * len(names))
        columns = ", ".join(f'"{name}"' for name in names)
        self.connection.executemany(f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', rows)

    @contextmanager
    def _without_indexes(self) -> Iterator[None]:
        """Indexes are faster made of a full table than row by row. Those of the constraints stay."""
        found = self.connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL").fetchall()
        for name, _sql in found:
            self.connection.execute(f'DROP INDEX "{name}"')
        yield
        for _name, sql in found:
            self.connection.execute(sql)

    def _config(self) -> list[Row]:
        values = (True, False, 300, -1, 0.5, "", None, [], {}, "http://localhost:11434", ["a", "b"], {"enable": True})
        return [
            (f"section.{number // 10}.setting_{number}", compact(values[number % len(values)]), FIRST_SECOND)
            for number in range(CONFIG_ROWS)
        ]

    def _people(self) -> None:
        users, auths, tags, folders = [], [], [], []
        for number in range(5 + int(self.size * USERS_PER_MB)):
            user, now = self._id(), self._tick()
            email = f"user{number}@example.com"
            settings = compact({"ui": {"models": [self.rng.choice(_MODELS)], "theme": "dark", "notifications": {}}})
            role = "user" if number else "admin"
            users.append((user, f"User {number}", email, role, "/user.png", now, now, now, settings, _NULL, f"user{number}"))
            auths.append((user, email, "$2b$12$" + self._id().replace("-", "") + "abcdefghijklmnopqrstu", 1))
            tags += [(f"topic_{tag}", f"Topic {tag}", user, _NULL) for tag in range(8)]
            self.folders[user] = [self._id() for _turn in range(6)]
            folders += [
                (folder, None if place < 3 else self.folders[user][place - 3], user, self.writer.title(), "{}", "{}", 0, now, now)
                for place, folder in enumerate(self.folders[user])
            ]
            self.users.append(user)
        columns = "id name email role profile_image_url last_active_at updated_at created_at settings info username"
        self._insert("user", columns, users)
        self._insert("auth", "id email password active", auths)
        self._insert("tag", "id name user_id meta", tags)
        columns = "id parent_id user_id name items meta is_expanded created_at updated_at"
        self._insert("folder", columns, folders)

    def _chats(self, messages_wanted: int) -> None:
        done = 0
        while done < messages_wanted:
            chats, messages = [], []
            for _turn in range(BATCH):
                if done + len(messages) < messages_wanted:
                    chats.append(self._chat(messages, old=done * 2 < messages_wanted))
            done += len(messages)
            columns = (
                "id user_id title created_at updated_at archived chat pinned meta folder_id tasks last_read_at current_message_id variables"
            )
            self._insert("chat", columns, chats)
            columns = (
                "id chat_id user_id role parent_id content output model_id files sources embeds done status_history error"
                " usage created_at updated_at meta"
            )
            self._insert("chat_message", columns, messages)

    def _chat(self, messages: list[Row], old: bool) -> Row:
        """One chat; its messages also become rows of their own, as Open WebUI writes them twice."""
        chat, user, model = self._id(), self.rng.choice(self.users), self.rng.choice(_MODELS)
        self.chats.append((chat, user))
        created = self._tick()
        turns = 1 + int(self.rng.expovariate(1 / 9))
        history = self._history(turns, model)
        messages += [self._message_row(chat, user, message) for message in history]
        title = self.writer.title()
        content = {
            "id": "",
            "title": title,
            "models": [model],
            "params": {},
            "history": {"messages": {message["id"]: message for message in history}, "currentId": history[-1]["id"]},
            "messages": history,
            "tags": [],
            "timestamp": created * 1000,
            "files": [],
        }
        text = json.dumps(content) if old else compact(content)
        meta = compact({"tags": [f"topic_{self.rng.randrange(8)}"]})
        folder = self.rng.choice(self.folders[user]) if self.rng.random() < 0.3 else None
        archived, pinned = int(self.rng.random() < 0.1), int(self.rng.random() < 0.02)
        tasks, variables = (None, None) if old else (_NULL, "{}")
        return (
            chat,
            user,
            title,
            created,
            self.second,
            archived,
            text,
            pinned,
            meta,
            folder,
            tasks,
            self.second,
            history[-1]["id"],
            variables,
        )

    def _history(self, turns: int, model: str) -> list[dict[str, Any]]:
        history: list[dict[str, Any]] = []
        for number in range(turns * 2):
            message: dict[str, Any] = {
                "id": self._id(),
                "parentId": history[-1]["id"] if history else None,
                "childrenIds": [],
                "role": "assistant" if number % 2 else "user",
                "content": self.writer.answer() if number % 2 else self.writer.question(),
                "timestamp": self._tick(),
            }
            if number % 2:
                message.update(model=model, modelName=model, modelIdx=0, done=True, usage=self._usage())
            else:
                message["models"] = [model]
            if history:
                history[-1]["childrenIds"].append(message["id"])
            history.append(message)
        return history

    def _usage(self) -> dict[str, Any]:
        tokens = self.rng.randint(20, 4000)
        return {"input_tokens": tokens, "output_tokens": tokens // 3, "total_tokens": tokens + tokens // 3, "eval": tokens / 41}

    def _message_row(self, chat: str, user: str, message: dict[str, Any]) -> Row:
        usage = compact(message["usage"]) if "usage" in message else _NULL
        return (
            f"{chat}-{message['id']}",
            chat,
            user,
            message["role"],
            message["parentId"],
            compact(message["content"]),
            _NULL,
            message.get("model"),
            _NULL,
            _NULL,
            _NULL,
            1,
            _NULL,
            _NULL,
            usage,
            message["timestamp"],
            message["timestamp"],
            _NULL,
        )

    def _channels(self, messages: int) -> None:
        channels = [self._id() for _turn in range(1 + self.size // 50)]
        now = self._tick()
        columns = "id user_id name description data meta created_at updated_at is_private"
        self._insert(
            "channel",
            columns,
            [(channel, self.users[0], f"channel-{n}", "", _NULL, "{}", now, now, 0) for n, channel in enumerate(channels)],
        )
        # Channels count nanoseconds.
        rows = [
            (
                self._id(),
                self.rng.choice(self.users),
                self.rng.choice(channels),
                self.writer.question(),
                "{}",
                _NULL,
                self._tick() * 1_000_000_000,
                self.second * 1_000_000_000,
                0,
            )
            for _turn in range(messages)
        ]
        columns = "id user_id channel_id content data meta created_at updated_at is_pinned"
        self._insert("message", columns, rows)

    def _files(self) -> list[tuple[str, str]]:
        """Files with extracted text, until the database has its size. Returns pairs of a file and its user."""
        made: list[tuple[str, str]] = []
        columns = "id user_id filename meta created_at hash data updated_at path"
        while self._missing_bytes() > 0:
            rows = []
            # A bit of text is some more as JSON in pages, so the last batches come closer and closer.
            left = self._missing_bytes()
            while left > 0 and len(rows) < BATCH:
                length = min(int(self.rng.lognormvariate(11, 1)), 2_000_000)
                left -= length
                rows.append(self._file(length))
            made += [(row[0], row[1]) for row in rows]
            self._insert("file", columns, rows)
        return made

    def _missing_bytes(self) -> int:
        (pages,), (size,) = (self.connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
        return self.size * MB - pages * size

    def _file(self, length: int) -> Row:
        file, user, now = self._id(), self.rng.choice(self.users), self._tick()
        name = f"{self.writer.title()}.pdf"
        meta = compact({"name": name, "content_type": "application/pdf", "size": length * 3, "data": {}})
        data = compact({"status": "completed", "content": self.writer.document(length)})
        path = f"/app/backend/data/uploads/{file}_{name}"
        return (file, user, name, meta, now, f"{self.rng.getrandbits(256):064x}", data, now, path)

    def _link(self, files: list[tuple[str, str]]) -> None:
        """Attach files to chats and to a knowledge base for every hundred files."""
        now = self._tick()
        bases = [self._id() for _turn in range(1 + len(files) // 100)]
        folders = {base: self._id() for base in bases}
        attached = [(self._id(), user, self.rng.choice(self.chats)[0], file, None, now, now) for file, user in files]
        columns = "id user_id chat_id file_id message_id created_at updated_at"
        self._insert("chat_file", columns, attached)
        columns = "id user_id name description meta created_at updated_at data"
        self._insert(
            "knowledge",
            columns,
            [(base, self.users[0], self.writer.title(), "", _NULL, now, now, "{}") for base in bases],
        )
        columns = "id knowledge_id parent_id name user_id created_at updated_at"
        self._insert(
            "knowledge_directory",
            columns,
            [(folder, base, None, "Documents", self.users[0], now, now) for base, folder in folders.items()],
        )
        known = []
        for file, user in files:
            base = self.rng.choice(bases)
            known.append((self._id(), user, base, file, now, now, folders[base]))
        columns = "id user_id knowledge_id file_id created_at updated_at directory_id"
        self._insert("knowledge_file", columns, known)


def build(template: Path, size: int, destination: Path) -> None:
    """Build the file beside its destination and move it there when it is whole."""
    unfinished = destination.with_suffix(".new")
    shutil.copyfile(template, unfinished)
    with closing(sqlite3.connect(unfinished)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode = OFF").fetchone()
        if mode != "off":
            raise SystemExit(f"{template} is in use")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        with connection:
            Builder(connection, size).build()
        # As Open WebUI leaves its files.
        connection.execute("PRAGMA journal_mode = WAL")
    os.replace(unfinished, destination)


if __name__ == "__main__":
    build(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
