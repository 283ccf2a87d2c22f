# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A webui.db of an older release: Open WebUI's own migrations, stopped half-way, and rows as that release left them.

The revisions that matter move data to another place, so a copy of rows alone would lose it:

A5C220713937  0.6.32 to 0.6.36: members in group.user_ids, files in knowledge.data, keys in user.api_key, messages within chats
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from . import openwebui, paths

A5C220713937 = "a5c220713937"

USERS = ("ada", "bob", "eve")


def create(path: Path, revision: str = A5C220713937) -> Path:
    """An empty file at a revision. Made once for each, since it takes seconds."""
    template = paths.CACHE / f"webui-at-{revision}.db"
    if not template.exists():
        making = template.with_suffix(".making")
        making.unlink(missing_ok=True)
        openwebui.migrate(f"sqlite:///{making}", revision)
        making.rename(template)
    shutil.copy(template, path)
    return path


def execute(path: Path, sql: str, *parameters: object) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql, parameters)
        connection.commit()


def rows(path: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def _insert(database: Path, table: str, **values: object) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    execute(database, f'INSERT INTO "{table}" ({names}) VALUES ({", ".join("?" for _turn in values)})', *values.values())


def add_user(path: Path, key: str, /, **values: object) -> None:
    defaults = {
        "id": key,
        "name": key.title(),
        "email": f"{key}@example.com",
        "role": "user",
        "profile_image_url": "/user.png",
        "last_active_at": 1,
        "updated_at": 1,
        "created_at": 1,
    }
    _insert(path, "user", **{**defaults, **values})


def add_group(path: Path, key: str, user_ids: object) -> None:
    _insert(path, "group", id=key, user_id="ada", name=key, description="", user_ids=json.dumps(user_ids), created_at=1, updated_at=1)


def fill(path: Path) -> Path:
    """Rows of revision A5C220713937, a little of all that later steps move, and an orphan that only a later schema knows."""
    for user in USERS:
        add_user(path, user, api_key=f"sk-{user}")
    add_group(path, "readers", ["ada", "bob"])
    add_group(path, "writers", ["eve"])
    _insert(path, "file", id="f1", user_id="ada", filename="a.txt", meta="{}", created_at=1, updated_at=1, hash="h", data="{}", path="/a")
    for key, files in (("k1", ["f1", "gone"]), ("k2", ["gone", "gone"])):
        _insert(path, "knowledge", id=key, user_id="ada", name=key, data=json.dumps({"file_ids": files}), created_at=1, updated_at=1)
    _insert(path, "prompt", command="/hello", user_id="ada", title="Hello", content="Say hello", timestamp=1)
    messages = {
        "m1": {"id": "m1", "role": "user", "content": "What is 6 x 7?", "timestamp": 1, "childrenIds": ["m2"]},
        "m2": {"id": "m2", "role": "assistant", "content": "42", "parentId": "m1", "model": "m", "timestamp": 2},
    }
    chat = {"title": "Sums", "history": {"messages": messages, "currentId": "m2"}}
    for key, user, title in (("c1", "ada", "Sums"), ("shared", "shared-c1", "Sums, shared")):
        _insert(path, "chat", id=key, user_id=user, title=title, chat=json.dumps(chat), meta="{}", archived=0, created_at=1, updated_at=2)
    _insert(path, "oauth_session", id="o1", user_id="gone", provider="p", token="t", expires_at=1, created_at=1, updated_at=1)
    return path
