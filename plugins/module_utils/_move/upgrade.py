# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a source stands to the release that will run, and which of that release's own migrations would fail on it.

Open WebUI upgrades a file by itself when it starts. Some of its steps fail on files that are otherwise sound. On SQLite a step
that fails leaves its tables behind, and the next attempt then skips the step as done, so that data is lost without a word. This
is why each of these is looked for beforehand, and why only a fresh copy is ever upgraded.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Iterable, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._move.revisions import stamp_problem, stamp_remedy
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import (
    LEFTOVER_TABLE_PREFIX,
    STEPS,
    describe_revision,
    first_release,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import KEYS_SHOWN, key_text
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source, text

EQUAL, OLDER, NEWER, UNKNOWN = "equal", "older", "newer", "unknown"


class Obstacle(NamedTuple):
    """Why a file is not what an upgrade needs, or not what an upgrade should have made of it.

    :ivar revision: the step of Open WebUI's migrations that fails on it or has failed on it; None where it is none in particular.
    :ivar sample_keys: primary keys of the first of the rows.
    """

    message: str
    table: str | None = None
    revision: str | None = None
    rows: int | None = None
    sample_keys: tuple[str, ...] = ()

    def as_result(self) -> dict[str, Any]:
        """The obstacle as a module returns it."""
        return {**self._asdict(), "sample_keys": list(self.sample_keys)}


class Stumble(NamedTuple):
    """A step of Open WebUI's migrations that fails on some files.

    :ivar columns: what a file must have for the step to have work to do.
    :ivar lacks: a column that shows that the step is done.
    :ivar find: the rows on which it fails, each by its key as text.
    :ivar what: what is the matter with these rows.
    :ivar remedy: what the operator can do about it.
    """

    revision: str
    table: str
    columns: frozenset[str]
    lacks: str
    find: Callable[[Source], Iterable[str]]
    what: str
    remedy: str


def _prompts_alike(source: Source) -> Iterable[str]:
    # With peewee's migrations a prompt has a key of its own, with alembic's the command is it.
    key = "id" if "id" in source.primary_key("prompt") else "command"
    bare = "CASE WHEN substr(command, 1, 1) = '/' THEN substr(command, 2) ELSE command END"
    sql = f"SELECT group_concat({key}, ' and ') FROM prompt GROUP BY {bare} HAVING count(*) > 1 ORDER BY 1"
    return map(key_text, source.query(sql))


def _users_alike(source: Source) -> Iterable[str]:
    sql = "SELECT group_concat(id, ' and ') FROM user WHERE email IS NOT NULL GROUP BY lower(email) HAVING count(*) > 1 ORDER BY 1"
    return map(key_text, source.query(sql))


def _groups_in_doubt(source: Source) -> Iterable[str]:
    for key, value in source.query('SELECT id, user_ids FROM "group" WHERE user_ids IS NOT NULL'):
        if not _can_become_rows(value, lambda ids: ids):
            yield key_text((key,))


def _knowledge_in_doubt(source: Source) -> Iterable[str]:
    """Open WebUI itself skips files that are not there any more."""
    files = {text(key) for (key,) in source.query("SELECT id FROM file")}

    def existing(data: Any) -> Any:
        named = data.get("file_ids") if isinstance(data, dict) else None
        return [item for item in named if not isinstance(item, str) or item in files] if isinstance(named, list) else None

    for key, value in source.query("SELECT id, data FROM knowledge WHERE data IS NOT NULL"):
        if not _can_become_rows(value, existing):
            yield key_text((key,))


def _can_become_rows(value: object, pick: Callable[[Any], Any]) -> bool:
    """Whether Open WebUI can turn a list of ids in a JSON value into rows of a table of their own.

    :param pick: finds the list in what the JSON says.
    """
    try:
        ids = pick(_read_json(value))
    except ValueError:
        return False
    if not isinstance(ids, list):
        return True
    return all(isinstance(item, (str, int)) for item in ids) and len({str(item) for item in ids}) == len(ids)


def _read_json(value: object) -> Any:
    """JSON as Open WebUI reads it: what turns out to be text is read once more.

    :raises ValueError: when it is none.
    """
    parsed = json.loads(text(value))
    if not isinstance(parsed, str):
        return parsed
    try:
        return json.loads(parsed)
    except ValueError:
        return None


STUMBLES = (
    Stumble(
        "37f288994c47",
        "group",
        frozenset({"id", "user_ids"}),
        "",
        _groups_in_doubt,
        "groups name a member twice, or not as an id, in user_ids",
        "save the members of these groups once more in Open WebUI, under Admin Panel, Users, Groups",
    ),
    Stumble(
        "2f1211949ecc",
        "channel_member",
        frozenset({"id"}),
        "joined_at",
        lambda source: map(key_text, source.query("SELECT id FROM channel_member ORDER BY id")),
        "members of channels have no joined_at, which becomes mandatory without a default",
        "with Open WebUI stopped, run in sqlite3: ALTER TABLE channel_member ADD COLUMN joined_at BIGINT NOT NULL DEFAULT 0",
    ),
    Stumble(
        "3e0e00844bb0",
        "knowledge",
        frozenset({"id", "data"}),
        "",
        _knowledge_in_doubt,
        "knowledge bases name a file twice, or not as an id, in data.file_ids",
        "remove the files named twice from these knowledge bases in Open WebUI, and add them again",
    ),
    Stumble(
        "374d2f66af06",
        "prompt",
        frozenset({"command"}),
        "version_id",
        _prompts_alike,
        "commands of prompts are there with and without a slash, and become the same",
        "rename or delete one of each pair in Open WebUI, under Workspace, Prompts",
    ),
    Stumble(
        "f0bd01a18a3d",
        "user",
        frozenset({"id", "email"}),
        "",
        _users_alike,
        "e-mail addresses belong to several users, but for upper and lower case, and become unique",
        "change or delete all but one of each in Open WebUI, under Admin Panel, Users",
    ),
)

# Tables that a step creates and fills. Where one is there and the step is not done, an upgrade stopped half-way.
FILLED_BY = {
    "group_member": "37f288994c47",
    "knowledge_file": "3e0e00844bb0",
    "prompt_new": "374d2f66af06",
    "chat_message": "8452d01d26d7",
    "pinned_note": "4de81c2a3af1",
}


def standing(ours: str | None, theirs: str) -> str:
    """How a revision stands to another one: C(equal), C(older), C(newer) or C(unknown)."""
    if ours == theirs:
        return EQUAL
    if ours is None:
        return OLDER
    if ours not in STEPS:
        return UNKNOWN
    # A revision that is not known was made by a release that this collection does not know yet.
    return OLDER if theirs not in STEPS or STEPS.index(ours) < STEPS.index(theirs) else NEWER


def assess(source: Source, to: str) -> dict[str, Any]:
    """Say whether a file is at a revision or can be brought there, and what is in the way."""
    revision = source.revision()
    state = standing(revision, to)
    if state == EQUAL:
        obstacles = list(_unproven(source)) if _has_taken("37f288994c47", to) else []
    elif state == OLDER:
        obstacles = list(_ahead(source, revision, to))
    else:
        obstacles = [Obstacle(f"the file is at revision {describe_revision(revision)}, {_WAYS[state]} {describe_revision(to)}")]
    return {
        "needed": state != EQUAL,
        "state": state,
        "from": revision,
        "to": to,
        "possible": not obstacles,
        "obstacles": [obstacle.as_result() for obstacle in obstacles],
        "remnants": _remnants(source),
    }


_WAYS = {
    NEWER: "which is newer than the one wanted,",
    UNKNOWN: "which may be newer than the one wanted,",
}


def _remnants(source: Source) -> list[str]:
    return [table for table in source.tables() if table.startswith(LEFTOVER_TABLE_PREFIX)]


def _ahead(source: Source, revision: str | None, to: str) -> Iterable[Obstacle]:
    """What would make the upgrade fail, or lose data."""
    problem = stamp_problem(source.revisions())
    if problem:
        yield Obstacle(f"the file {problem}; {stamp_remedy(source)}")
        return
    if revision is None:
        raise AssertionError("without a problem there is a revision, and that of the file")
    for table in _remnants(source):
        yield Obstacle(
            f"{table}: {source.count(table)} rows are left of an upgrade that was interrupted, and the next one would stumble over them;"
            f" with Open WebUI stopped, compare it with {table[len(LEFTOVER_TABLE_PREFIX) :]} and drop it",
            table,
            rows=source.count(table),
        )
    ahead = _steps_between(revision, to)
    for table, step in FILLED_BY.items():
        if step in ahead and table in source.tables():
            yield _half_done(source, table, step)
    for stumble in STUMBLES:
        if stumble.revision in ahead:
            yield from _met(source, stumble)


def _steps_between(revision: str, to: str) -> tuple[str, ...]:
    """The known steps that an upgrade would take. Of a target that is not known all of them are."""
    last = STEPS.index(to) + 1 if to in STEPS else len(STEPS)
    return STEPS[STEPS.index(revision) + 1 : last]


def _has_taken(step: str, revision: str) -> bool:
    """Whether a file at a revision has this step behind it. Unknown revisions are newer than all that are known."""
    return revision not in STEPS or STEPS.index(step) <= STEPS.index(revision)


def _half_done(source: Source, table: str, step: str) -> Obstacle:
    rows = source.count(table)
    return Obstacle(
        f"{table}: is there already, with {rows} rows, though {_in_words(step)} has not been completed, which would then be skipped and"
        " leave data behind; move a backup of before that upgrade, or, if it has no rows, drop it with Open WebUI stopped",
        table,
        step,
        rows,
    )


def _met(source: Source, stumble: Stumble) -> Iterable[Obstacle]:
    if stumble.table not in source.tables():
        return
    columns = {column.name for column in source.columns(stumble.table)}
    if not columns.issuperset(stumble.columns) or stumble.lacks in columns:
        return
    rows, keys = 0, []
    for key in stumble.find(source):
        rows += 1
        if rows <= KEYS_SHOWN:
            keys.append(key)
    if rows:
        yield Obstacle(
            f"{stumble.table}: {rows} {stumble.what}, so {_in_words(stumble.revision)} fails ({_listed(keys, rows)}); {stumble.remedy}",
            stumble.table,
            stumble.revision,
            rows,
            tuple(keys),
        )


def _listed(keys: list[str], rows: int) -> str:
    return "; ".join(keys) + ("; …" if rows > len(keys) else "")


def _in_words(step: str) -> str:
    return f"the upgrade to Open WebUI {first_release(step)}, step {step},"


def _unproven(source: Source) -> Iterable[Obstacle]:
    """What shows that a file is at its revision by name only."""
    if "group" not in source.tables() or "user_ids" not in {column.name for column in source.columns("group")}:
        return
    is_member = "SELECT 1 FROM group_member WHERE group_member.group_id = g.id" if "group_member" in source.tables() else "SELECT 1 WHERE 0"
    lost = [
        key_text((key,))
        for key, value in source.query(f'SELECT id, user_ids FROM "group" AS g WHERE user_ids IS NOT NULL AND NOT EXISTS ({is_member})')
        if _has_members(value)
    ]
    if lost:
        yield Obstacle(
            f"group: {len(lost)} groups still have their members in user_ids and none in group_member, so an upgrade to Open WebUI 0.6.37"
            f" was retried after a failure ({_listed(lost[:KEYS_SHOWN], len(lost))}); move a backup of before that upgrade, or add the"
            " members again in Open WebUI, under Admin Panel, Users, Groups, and empty user_ids",
            "group",
            "37f288994c47",
            len(lost),
            tuple(lost[:KEYS_SHOWN]),
        )


def _has_members(value: object) -> bool:
    try:
        return bool(_read_json(value))
    except ValueError:
        return True
