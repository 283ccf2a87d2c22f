# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Open WebUI says about itself over HTTP: every user's every chat, note and file, and what the administrator sees.

A snapshot is a dict from "<user> GET <path>" to the answer. It finds its way by itself, from lists to the things
listed, with the tokens of the `World`. Those were issued before the migration: a snapshot proves that they still work.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from .webui_fill import Account, World
from .webui_service import ApiError, Client

Snapshot = dict[str, Any]

# Asked by every user: a path, then what to ask about each thing that it lists.
_OF_USERS: dict[str, tuple[str, ...]] = {
    "/api/v1/auths/": (),
    "/api/v1/auths/api_key": (),
    "/api/v1/users/permissions": (),
    "/api/v1/users/groups": (),
    "/api/v1/users/user/settings": (),
    "/api/v1/users/user/info": (),
    "/api/v1/users/user/status": (),
    "/api/v1/users/user/variables": (),
    "/api/v1/chats/all": ("/api/v1/chats/{id}", "/api/v1/chats/{id}/tags", "/api/v1/chats/{id}/pinned"),
    "/api/v1/chats/all/archived": ("/api/v1/chats/{id}",),
    "/api/v1/chats/all/tags": (),
    "/api/v1/chats/pinned": (),
    "/api/v1/chats/shared?page=1": ("/api/v1/chats/share/{share_id}", "/api/v1/chats/shared/{id}/access"),
    "/api/v1/chats/search?text=heron": (),
    "/api/v1/folders/": ("/api/v1/folders/{id}", "/api/v1/chats/folder/{id}"),
    "/api/v1/notes/": ("/api/v1/notes/{id}",),
    "/api/v1/notes/pinned": (),
    "/api/v1/memories/": (),
    "/api/v1/prompts/": ("/api/v1/prompts/id/{id}", "/api/v1/prompts/id/{id}/history"),
    "/api/v1/tools/": ("/api/v1/tools/id/{id}", "/api/v1/tools/id/{id}/valves", "/api/v1/tools/id/{id}/history"),
    "/api/v1/skills/": ("/api/v1/skills/id/{id}", "/api/v1/skills/id/{id}/history"),
    "/api/v1/knowledge/": (
        "/api/v1/knowledge/{id}",
        "/api/v1/knowledge/{id}/files?include_content=true",
        "/api/v1/knowledge/{id}/files?include_content=true&view_option=all",
    ),
    "/api/v1/files/search?filename=*&limit=1000": (
        "/api/v1/files/{id}",
        "/api/v1/files/{id}/data/content",
        "/api/v1/files/{id}/content",
    ),
    "/api/v1/channels/": (
        "/api/v1/channels/{id}",
        "/api/v1/channels/{id}/members",
        "/api/v1/channels/{id}/messages?limit=1000",
        "/api/v1/channels/{id}/messages/pinned",
        "/api/v1/channels/{id}/webhooks",
    ),
    "/api/v1/evaluations/feedbacks/user": (),
    "/api/v1/calendars/": ("/api/v1/calendars/{id}",),
    "/api/v1/calendars/events/search?query=tide": ("/api/v1/calendars/events/{id}",),
    "/api/v1/automations/list": ("/api/v1/automations/{id}", "/api/v1/automations/{id}/runs"),
    "/api/models": (),
}

# What only the administrator is told.
_OF_ADMIN: dict[str, tuple[str, ...]] = {
    "/api/v1/users/": ("/api/v1/users/{id}", "/api/v1/users/{id}/groups", "/api/v1/chats/list/user/{id}"),
    "/api/v1/chats/all/db": (),
    "/api/v1/groups/": ("/api/v1/groups/id/{id}/export", "/api/v1/groups/id/{id}/members"),
    "/api/v1/functions/export?include_valves=true": (
        "/api/v1/functions/id/{id}/valves",
        "/api/v1/functions/id/{id}/history",
    ),
    "/api/v1/models/list": ("/api/v1/models/model?id={id}", "/api/v1/models/model/history?id={id}"),
    "/api/v1/models/base": (),
    "/api/v1/tools/export": (),
    "/api/v1/evaluations/feedbacks/all/export": (),
    "/api/v1/users/default/permissions": (),
    "/api/v1/configs/export": (),
    "/api/v1/configs/banners": (),
    "/api/v1/auths/admin/config": (),
    "/api/v1/retrieval/config": (),
}

# Said of the moment and not of the data. Left out of every answer, however deep.
_OF_THE_MOMENT = {
    "last_active_at",  # set by every request that a user makes
    "is_active",  # of a user: whether they were seen in the last minutes; of anything else, see _drop
    "last_used_at",  # of a webhook or an API key
    "expires_at",  # of the session that asks
    "created",  # of a model in /api/models: when it was listed
}


def snapshot(client: Client, world: World, users: int | None = None) -> Snapshot:
    """Everything that Open WebUI tells its users (or the first few), asked with the tokens they had before."""
    answers: Snapshot = {}
    for account in world.accounts[:users]:
        me = Client(client.url, account.token)
        paths = {**_OF_USERS, **(_OF_ADMIN if account is world.admin else {})}
        for path, details in paths.items():
            for asked, answer in _ask(me, path, details):
                answers[f"{account.email} GET {asked}"] = answer
    return answers


def sign_in_everybody(client: Client, world: World) -> dict[str, str]:
    """Sign in with every user's password; the answer is who they are by name."""
    names = {}
    for account in world.accounts:
        names[account.email] = _name(client, account)
    return names


def _name(client: Client, account: Account) -> str:
    return client.sign_in(account.email, account.password).get("/api/v1/auths/")["name"]


def repaired(before: Snapshot) -> Snapshot:
    """The snapshot as it must be on PostgreSQL, which has no NUL in text: the one thing that the migration changes."""
    return _without_nul(before)


def _without_nul(answer: Any) -> Any:
    if isinstance(answer, str):
        return answer.replace("\x00", "")
    if isinstance(answer, dict):
        return {key: _without_nul(value) for key, value in answer.items()}
    return [_without_nul(entry) for entry in answer] if isinstance(answer, list) else answer


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """Where two snapshots differ, as text to read. Empty when they are the same, byte for byte."""
    found = [f"only before: {name}" for name in before.keys() - after.keys()]
    found += [f"only after: {name}" for name in after.keys() - before.keys()]
    for name in before.keys() & after.keys():
        # Compared as text: 1, 1.0 and True are equal to Python, and so are two orders of the same keys.
        if json.dumps(before[name]) != json.dumps(after[name]):
            found += [f"{name}{place}" for place in _places(before[name], after[name])] or [f"{name}: order of keys"]
    return sorted(found)


def _places(before: Any, after: Any, where: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            if key not in before or key not in after:
                yield f"{where}/{key}: {'added' if key in after else 'missing'}"
            else:
                yield from _places(before[key], after[key], f"{where}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _places(one, other, f"{where}/{index}")
    elif json.dumps(before) != json.dumps(after):
        yield f"{where}: {str(before)[:120]!r} -> {str(after)[:120]!r}"


def _ask(me: Client, path: str, details: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    answer = _answer(me, path)
    yield path, answer
    for entry in _entries(answer):
        for template in details:
            asked = template.format_map(entry)
            yield asked, _answer(me, asked)
            if asked.endswith("/messages?limit=1000"):
                yield from _threads(me, asked)


def _threads(me: Client, path: str) -> Iterator[tuple[str, Any]]:
    for message in me.get(path):
        for part in ("thread", "data"):
            asked = f"{path.partition('?')[0]}/{message['id']}/{part}"
            yield asked, _answer(me, asked)


def _answer(me: Client, path: str) -> Any:
    """The answer in a form to compare. A refusal is an answer too: it must be the same afterwards."""
    try:
        body = me.raw("GET", path)
    except ApiError as error:
        return {"refused": error.status}
    try:
        answer = json.loads(body)
    except ValueError:
        return {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
    return _stable(_drop(answer))


def _stable(answer: Any) -> Any:
    """Lists of things with an id in the order of the ids: many are sorted by a second in which several were changed."""
    if isinstance(answer, dict):
        # The members of a group are fetched without any order at all.
        return {key: sorted(value) if key == "user_ids" and value else _stable(value) for key, value in answer.items()}
    if not isinstance(answer, list):
        return answer
    if answer and all(isinstance(entry, dict) and "id" in entry for entry in answer):
        return sorted(answer, key=lambda entry: str(entry["id"]))
    return answer


def _drop(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_drop(entry) for entry in answer if not _made_up(entry)]
    if not isinstance(answer, dict):
        return answer
    # Only of a user is "active" a matter of the moment: an inactive function or webhook must stay inactive.
    dropped = _OF_THE_MOMENT if "email" in answer or "role" in answer else _OF_THE_MOMENT - {"is_active"}
    return {key: _drop(value) for key, value in answer.items() if key not in dropped}


def _made_up(entry: Any) -> bool:
    """The calendar of scheduled tasks is in no table: each answer makes it up anew, with the time of day."""
    return isinstance(entry, dict) and entry.get("id") == "__scheduled_tasks__"


def _entries(answer: Any) -> list[dict[str, Any]]:
    """The things listed, wherever this path puts its list."""
    if isinstance(answer, list):
        return [entry for entry in answer if isinstance(entry, dict)]
    for key in ("items", "users", "data", "events"):
        if isinstance(answer, dict) and isinstance(answer.get(key), list):
            return _entries(answer[key])
    return []
