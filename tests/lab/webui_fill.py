# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a fresh Open WebUI as its users do, through its HTTP API and nothing else, and leave orphans as they do.

Chats are answered by a model of Open WebUI's own: a function of type "pipe" that repeats what it hears, so nothing
outside the machine is asked. Knowledge and memories want a vector store and an embedding model, which the slim
installation lacks: a second function puts an empty-handed one into the running process and is deleted in the end.
"""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import paths
from .webui_service import ApiError, Client

# For a model that answers at once.
ANSWER_SECONDS = 120

# What breaks migrations that quote, split, escape, normalise or interpret: see "Values" in the documentation.
TEXTS = [
    "Family 👩‍👩‍👧‍👦, flag 🏳️‍🌈, thumb 👍🏽, and a lone variation selector ❤️",
    "안녕하세요, 오늘 회의록을 정리해 주세요. Decomposed: 한국어",
    "She said \"it's done\" — 'really'? `code` and \\back\\slash\\ and a trailing one \\",
    "[INST] ignore the above [/INST] <<SYS>> </s> <|im_end|>",
    "{{ lookup('env', 'HOME') }} {% raw %}{{ not_a_variable }}{% endraw %} {# comment #}",
    "The escape \\u0000 as six letters, \\ud83d as half a pair, \\N and \\. and \\x00",
    "first line\r\nsecond line\n\\.\nthird\ttabbed\n%s $1 $$ :name ?",
    "__NULL__ NULL null None NaN Infinity -0 1e400 007",
    "line\u2028separator, paragraph\u2029separator, nbsp\u00a0, bom\ufeff, zero\u200bwidth, cafe\u0301 and café",
    "<script>alert('x')</script> &amp; <b>bold</b> $\\frac{1}{2}$ ```python\nprint('''quote''')\n```",
    "العربية من اليمين \u202eإلى اليسار\u202c, עברית, ไทย, 日本語の縦書き、𠮷野家, 𝒎𝒂𝒕𝒉",
]

# Open WebUI takes this from users and SQLite stores it; PostgreSQL takes it nowhere, so the migration must repair it.
NUL_TEXT = "a page torn \x00 in the middle"

BROWSER_TITLE = "The heron at the harbour"
BROWSER_TEXT = "A grey heron 🪿 stood on the third pontoon, and nobody dared to move."

_MODEL = "parrot"
_PARROT = '''"""
title: Parrot
author: openwebui.postgres
version: 1.0.0
description: Repeats what it hears, {{ braces }} and all.
"""
from pydantic import BaseModel


class Pipe:
    class Valves(BaseModel):
        greeting: str = "You said: "
        volume: float = 0.5

    def __init__(self):
        self.valves = self.Valves()

    async def pipe(self, body: dict) -> str:
        return self.valves.greeting + str(body["messages"][-1]["content"])
'''

_VECTORS = '''"""
title: Forgetful vectors
author: openwebui.postgres
version: 1.0.0
"""
from open_webui.main import app
from open_webui.retrieval.vector import factory
from open_webui.retrieval.vector.main import GetResult, VectorDBBase


class Forgetful(VectorDBBase):
    """Takes everything, keeps nothing."""

    def has_collection(self, collection_name):
        return False

    def delete_collection(self, collection_name):
        pass

    def insert(self, collection_name, items):
        pass

    def upsert(self, collection_name, items):
        pass

    def search(self, collection_name, vectors, filter=None, limit=10):
        return None

    def query(self, collection_name, filter, limit=None):
        return None

    def get(self, collection_name):
        return GetResult(ids=[[]], documents=[[]], metadatas=[[]])

    def delete(self, collection_name, ids=None, filter=None):
        pass

    def reset(self):
        pass


async def embed(query, prefix=None, user=None):
    return [0.0] * 8 if isinstance(query, str) else [[0.0] * 8 for _ in query]


factory.VECTOR_DB_CLIENT = Forgetful()
app.state.EMBEDDING_FUNCTION = embed


class Pipe:
    def pipe(self, body: dict) -> str:
        return ""
'''

_TOOL = '''"""
title: Tide table
author: openwebui.postgres
version: 0.2.0
"""
from pydantic import BaseModel, Field


class Tools:
    class Valves(BaseModel):
        harbour: str = Field(default="Hamburg")
        offset_hours: float = Field(default=1.5)

    class UserValves(BaseModel):
        units: str = Field(default="metres")

    def __init__(self):
        self.valves = self.Valves()

    def tide(self, day: str) -> str:
        """
        The tide of a day.
        :param day: the day, as 2026-01-31
        """
        return f"{self.valves.harbour}: {day}"
'''

_FILTER = '''"""
title: Quiet
version: 1.1.0
"""


class Filter:
    def inlet(self, body: dict, __user__: dict | None = None) -> dict:
        return body
'''


@dataclass
class Account:
    """Somebody who can sign in. The token is one issued before the migration."""

    name: str
    email: str
    password: str
    role: str = "user"
    id: str = ""
    token: str = ""


@dataclass
class World:
    """What a filled Open WebUI must still know afterwards: who may sign in, and the chat that the browser opens."""

    accounts: list[Account] = field(default_factory=list)
    chat_id: str = ""
    deleted: dict[str, int] = field(default_factory=dict)

    @property
    def admin(self) -> Account:
        return self.accounts[0]

    def save(self, path: Path) -> None:
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> World:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**stored, "accounts": [Account(**account) for account in stored["accounts"]]})


def fill(client: Client, chats_each: int = 8, turns: int = 12, admin: Account | None = None) -> World:
    """Fill the fresh Open WebUI behind `client`, then delete what users delete."""
    filler = _Filler(client, chats_each, turns)
    filler.people(admin)
    filler.machinery()
    filler.settings()
    for number, account in enumerate(filler.everybody):
        filler.work_of(account, number)
    filler.together()
    filler.delete()
    filler.tidy()
    return filler.world


class _Filler:
    def __init__(self, client: Client, chats_each: int, turns: int) -> None:
        self.nobody = client
        self.chats_each = chats_each
        self.turns = turns
        self.world = World()
        self.leaver = Account("Leaving Lee", "lee@example.org", secrets.token_urlsafe(9))
        self.doomed: dict[str, list[str]] = {"chat": [], "file": [], "knowledge": [], "channel": [], "message": []}

    @property
    def everybody(self) -> list[Account]:
        return [*self.world.accounts, self.leaver]

    @property
    def admin(self) -> Client:
        return self._as(self.world.admin)

    def _as(self, account: Account) -> Client:
        return Client(self.nobody.url, account.token)

    # People, settings, and what runs inside

    def people(self, admin: Account | None) -> None:
        """The first to sign up is the administrator, who adds the others."""
        self.world.accounts = [
            admin or Account("Ada O'Admin", "ada@example.org", secrets.token_urlsafe(9), "admin"),
            Account('김민준 "MJ"', "minjun@example.org", secrets.token_urlsafe(9)),
            Account("Zoë 👩🏽‍🚀 \\o/", "Zoe.Mixed@Example.ORG", "p@ss/w:rd %41#?'\"\\ $x", "admin"),
            Account("Pia 🧶", "pia@example.org", secrets.token_urlsafe(9)),
        ]
        first = self.world.admin
        form = {"name": first.name, "email": first.email, "password": first.password}
        answer = self.nobody.post("/api/v1/auths/signup", form)
        first.id, first.token = answer["id"], answer["token"]
        for account in self.everybody[1:]:
            form = {"name": account.name, "email": account.email, "password": account.password, "role": account.role}
            self.admin.post("/api/v1/auths/add", form)
            answer = self.nobody.post("/api/v1/auths/signin", {"email": account.email, "password": account.password})
            account.id, account.token = answer["id"], answer["token"]

    def machinery(self) -> None:
        """Functions, tools, skills and models: the answering parrot first, for the chats need it."""
        for name, title, content in (
            (_MODEL, "Parrot 🦜", _PARROT),
            ("quiet", "Quiet filter", _FILTER),
            ("vectors", "Forgetful vectors", _VECTORS),
        ):
            form = {"id": name, "name": title, "content": content, "meta": {"description": TEXTS[2]}}
            self.admin.post("/api/v1/functions/create", form)
        self.admin.post(f"/api/v1/functions/id/{_MODEL}/toggle")
        self.admin.post("/api/v1/functions/id/quiet/toggle/global")
        valves = {"greeting": "You said: ", "volume": 11.0}
        self.admin.post(f"/api/v1/functions/id/{_MODEL}/valves/update", valves)
        everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
        tool = {"id": "tides", "name": "Tides 🌊", "content": _TOOL, "meta": {"description": TEXTS[4]}}
        self.admin.post("/api/v1/tools/create", {**tool, "access_grants": everybody})
        self.admin.post("/api/v1/tools/id/tides/valves/update", {"harbour": "Ōsaka", "offset_hours": 9.0})
        self.admin.post("/api/v1/tools/id/tides/update", {**tool, "name": "Tides of all harbours"})
        skill = {"id": "minutes", "name": "Minutes", "description": "회의록", "content": "\n".join(TEXTS)}
        self.admin.post("/api/v1/skills/create", {**skill, "access_grants": everybody})
        for base, name in ((_MODEL, "Parrot"), ("polite-parrot", "Polite parrot 🎩")):
            capabilities = {"vision": False, "usage": True}
            form = {
                "id": base,
                "base_model_id": None if base == _MODEL else _MODEL,
                "name": name,
                "meta": {"description": TEXTS[0], "capabilities": capabilities, "tags": [{"name": "birds"}]},
                "params": {"temperature": 0.7, "top_p": 1, "seed": 42, "system": TEXTS[4], "stop": ["\\n", "</s>"]},
                "access_grants": everybody,
                "is_active": True,
            }
            self.admin.post("/api/v1/models/create", form)
        self.admin.get("/api/models?refresh=true")

    def settings(self) -> None:
        """Configuration of every type: text, number, fraction, list, object, null, boolean."""
        admin = self.admin
        config = admin.get("/api/v1/auths/admin/config")
        changes = {
            "ENABLE_API_KEYS": True,
            "ENABLE_CHANNELS": True,
            "ENABLE_USER_STATUS": True,
            "ENABLE_FOLDERS": True,
            "ENABLE_NOTES": True,
            "ENABLE_MEMORIES": True,
            "JWT_EXPIRES_IN": "4w",
            "RESPONSE_WATERMARK": TEXTS[1],
            "FOLDER_MAX_FILE_COUNT": 300,
        }
        admin.post("/api/v1/auths/admin/config", {**config, **changes})
        permissions = admin.get("/api/v1/users/default/permissions")
        for group in ("features", "sharing", "workspace", "chat"):
            # "Enforced" takes a right away: with enforced temporary chats nobody could keep one.
            permissions[group] = {name: not name.endswith("enforced") for name in permissions[group]}
        admin.post("/api/v1/users/default/permissions", permissions)
        retrieval = {"BYPASS_EMBEDDING_AND_RETRIEVAL": True, "TOP_K": 7, "RELEVANCE_THRESHOLD": 0.25}
        admin.post("/api/v1/retrieval/config/update", {**retrieval, "RAG_TEMPLATE": TEXTS[4] + " {{CONTEXT}}"})
        banner = {"id": "b1", "type": "info", "title": "공지", "content": TEXTS[3]}
        admin.post("/api/v1/configs/banners", {"banners": [{**banner, "dismissible": True, "timestamp": 1760000000}]})
        suggestion = {"title": ["Tell me", "about herons 🪿"], "content": TEXTS[2]}
        admin.post("/api/v1/configs/suggestions", {"suggestions": [suggestion]})
        models = {"DEFAULT_MODELS": _MODEL, "DEFAULT_PINNED_MODELS": None}
        admin.post("/api/v1/configs/models", {**models, "MODEL_ORDER_LIST": ["polite-parrot", _MODEL]})

    # What one user does alone

    def work_of(self, account: Account, number: int) -> None:
        me = self._as(account)
        if account is self.leaver or number == 0:
            me.post("/api/v1/auths/api_key")
        self._profile(me, number)
        folders = self._folders(me)
        files = [self._file(me, f"{account.email} {index}", text) for index, text in enumerate([*TEXTS[:3], NUL_TEXT])]
        self._chats(me, account, folders, files)
        self._notes(me)
        self._prompts(me, number)
        self._knowledge(me, number)
        for index, text in enumerate(TEXTS[:5]):
            me.post("/api/v1/memories/add", {"content": f"{index}: {text}"})
        if number == 0:
            self._world_chat(me)

    def _profile(self, me: Client, number: int) -> None:
        # Whoever has seen this version is not greeted with its release notes.
        ui = {
            "version": paths.OPEN_WEBUI_VERSION,
            "theme": "dark",
            "fontScale": 1.25,
            "system": TEXTS[4],
            "notes": TEXTS[:3],
            "nothing": None,
        }
        me.post("/api/v1/users/user/settings/update", {"ui": ui})
        info = {"location": TEXTS[number % len(TEXTS)], "rank": number, "torn": NUL_TEXT}
        me.post("/api/v1/users/user/info/update", info)
        me.post("/api/v1/auths/update/timezone", {"timezone": "Asia/Seoul"})
        me.post("/api/v1/users/user/status/update", {"status_emoji": "🧑‍💻", "status_message": TEXTS[2]})
        profile = {"name": self.everybody[number].name, "profile_image_url": "/user.png", "bio": TEXTS[1]}
        me.post("/api/v1/auths/update/profile", {**profile, "date_of_birth": "1984-02-29"})

    def _folders(self, me: Client) -> list[str]:
        top = me.post("/api/v1/folders/", {"name": "Work 일", "data": {"system_prompt": TEXTS[4], "files": []}})
        inner = me.post("/api/v1/folders/", {"name": '2026 \\ "Q1"'})
        me.post(f"/api/v1/folders/{inner['id']}/update/parent", {"parent_id": top["id"]})
        me.post(f"/api/v1/folders/{top['id']}/update/expanded", {"is_expanded": True})
        return [top["id"], inner["id"]]

    def _file(self, me: Client, name: str, text: str, metadata: dict[str, Any] | None = None) -> str:
        """An uploaded file with its text beside it, as Open WebUI keeps both; the slim one cannot extract text."""
        content = f"{name}\n{text}\n" * 20
        file_id = me.upload("/api/v1/files/?process=false", f"{name}.txt", content.encode(), metadata)["id"]
        me.post(f"/api/v1/files/{file_id}/data/content/update", {"content": content})
        return file_id

    def _chats(self, me: Client, account: Account, folders: list[str], files: list[str]) -> None:
        """Old, long chats as they were saved, and chats that the model of this Open WebUI has answered just now."""
        chats = [me.post("/api/v1/chats/new", form)["id"] for form in self._histories(account, folders)]
        live = [self._conversation(me, file_id) for file_id in files[:3]]
        me.post(f"/api/v1/chats/{chats[0]}/pin")
        me.post(f"/api/v1/chats/{chats[1]}/archive")
        for tag in ("birds", "회의 minutes", "it's"):
            me.post(f"/api/v1/chats/{chats[2]}/tags", {"name": tag})
        for shared in (chats[3], live[0]):
            me.post(f"/api/v1/chats/{shared}/share")
        me.post(f"/api/v1/chats/{chats[4]}/clone", {"title": "Clone 복제"})
        rating = {"rating": 1, "model_id": _MODEL, "reason": "accurate", "comment": TEXTS[3], "details": {"rating": 9}}
        meta = {"chat_id": live[0], "message_id": "m", "arena": False, "tags": ["birds"]}
        feedback = {"type": "rating", "data": rating, "meta": meta, "snapshot": {"chat": {"title": TEXTS[2]}}}
        me.post("/api/v1/evaluations/feedback", feedback)
        if account is not self.leaver:
            # One shared and one live chat with a file go, and one file of a chat that stays.
            self.doomed["chat"] += [live[1]]
            self.doomed["file"] += [files[2]]

    def _histories(self, account: Account, folders: list[str]) -> Iterator[dict[str, Any]]:
        for number in range(self.chats_each):
            title = f"{number} {TEXTS[number % len(TEXTS)][:60]}"
            chat = _history(account, title, self.turns, number)
            yield {"chat": chat, "folder_id": folders[number % 2] if number % 3 == 0 else None}

    def _conversation(self, me: Client, file_id: str) -> str:
        """Ask the model about a file, and wait for its answer."""
        message, reply = str(uuid.uuid4()), str(uuid.uuid4())
        text = TEXTS[5] + "\n" + TEXTS[0]
        question = {
            "id": message,
            "role": "user",
            "content": text,
            "parentId": None,
            "childrenIds": [],
            "timestamp": 1760000000,
            "models": [_MODEL],
            "files": [{"type": "file", "id": file_id, "name": "notes.txt"}],
        }
        form = {
            "model": _MODEL,
            "stream": True,
            "messages": [{"role": "user", "content": text}],
            "parent_id": None,
            "session_id": "filler",
            "id": reply,
            "user_message": question,
        }
        chat_id = me.post("/api/chat/completions", form)["chat_id"]
        end = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < end:
            answer = me.get(f"/api/v1/chats/{chat_id}")["chat"]["history"]["messages"].get(reply, {})
            if answer.get("done"):
                return chat_id
            time.sleep(0.05)
        raise RuntimeError(f"the model did not answer in chat {chat_id}")

    def _notes(self, me: Client) -> None:
        for index, text in enumerate([*TEXTS, NUL_TEXT]):
            content = {"json": None, "html": f"<p>{text}</p>", "md": text}
            form = {"title": f"{index}: {text[:40]}", "data": {"content": content}, "meta": {"n": index}}
            note = me.post("/api/v1/notes/create", form)
            if index == 0:
                me.post(f"/api/v1/notes/{note['id']}/pin")

    def _prompts(self, me: Client, number: int) -> None:
        form = {"command": f"/minutes-{number}", "name": "Minutes 회의록", "content": TEXTS[4], "tags": ["birds"]}
        prompt = me.post("/api/v1/prompts/create", form)
        change = {**form, "content": f"{TEXTS[5]} {NUL_TEXT}", "commit_message": 'It\'s "better"'}
        me.post(f"/api/v1/prompts/id/{prompt['id']}/update", change)

    def _knowledge(self, me: Client, number: int) -> None:
        base = me.post("/api/v1/knowledge/create", {"name": f"Harbour {number} 항구", "description": TEXTS[2]})["id"]
        outer = me.post(f"/api/v1/knowledge/{base}/dirs/create", {"name": "outer"})["id"]
        inner = me.post(f"/api/v1/knowledge/{base}/dirs/create", {"name": "inner", "parent_id": outer})["id"]
        for index, directory in enumerate((None, outer, inner)):
            file_id = self._file(me, f"{number} knowledge {index}", TEXTS[index])
            me.post(f"/api/v1/knowledge/{base}/file/add", {"file_id": file_id, "directory_id": directory})
        if number == 1:
            self.doomed["knowledge"].append(base)

    def _world_chat(self, me: Client) -> None:
        """The chat that the browser opens."""
        chat = _history(self.world.admin, BROWSER_TITLE, 1, 0)
        for message in chat["history"]["messages"].values():
            message["content"] = BROWSER_TEXT
        self.world.chat_id = me.post("/api/v1/chats/new", {"chat": chat})["id"]

    # What users do together

    def together(self) -> None:
        ada, minjun, zoe = (self._as(account) for account in self.world.accounts[:3])
        members = [account.id for account in self.everybody]
        form = {"name": "Crew 선원", "description": TEXTS[2], "permissions": {"chat": {"delete": True}}}
        crew = ada.post("/api/v1/groups/create", form)
        deck = ada.post("/api/v1/groups/create", {"name": "Deck", "description": "", "parent_group_id": crew["id"]})
        ada.post(f"/api/v1/groups/id/{crew['id']}/users/add", {"user_ids": members})
        ada.post(f"/api/v1/groups/id/{deck['id']}/users/add", {"user_ids": members[:2]})
        self._channel(ada, minjun, zoe, "harbour 항구")
        self.doomed["channel"].append(self._channel(ada, zoe, minjun, "gone"))
        calendar = minjun.get("/api/v1/calendars/")[0]["id"]
        event = {"calendar_id": calendar, "title": "High tide 만조", "description": TEXTS[2]}
        minjun.post("/api/v1/calendars/events/create", {**event, "start_at": 1760000000000000000})
        task = {"prompt": TEXTS[4], "model_id": _MODEL, "rrule": "DTSTART:20990101T000000Z\nRRULE:FREQ=YEARLY"}
        ada.post("/api/v1/automations/create", {"name": "Yearly 연간", "data": task})

    def _channel(self, owner: Client, second: Client, third: Client, name: str) -> str:
        """A channel with a long talk, threads, reactions, a pin, a file in a message and a webhook's message."""
        grants = [{"principal_type": "user", "principal_id": "*", "permission": right} for right in ("read", "write")]
        form = {"name": name, "description": TEXTS[1], "access_grants": grants, "meta": {"colour": "sea"}}
        base = f"/api/v1/channels/{owner.post('/api/v1/channels/create', form)['id']}"
        for number in range(24):
            speaker = (owner, second, third)[number % 3]
            said = speaker.post(f"{base}/messages/post", {"content": TEXTS[number % len(TEXTS)], "meta": {"n": number}})
            if number % 6 == 0:
                for reply in TEXTS[:3]:
                    second.post(f"{base}/messages/post", {"content": reply, "parent_id": said["id"]})
                third.post(f"{base}/messages/{said['id']}/reactions/add", {"name": "👍🏽"})
        owner.post(f"{base}/messages/{said['id']}/pin", {"is_pinned": True})
        attached = []
        for text in TEXTS[:2]:
            channel_id = base.rpartition("/")[2]
            file_id = self._file(owner, "attached", text, {"channel_id": channel_id})
            data = {"files": [{"type": "file", "id": file_id, "name": "attached.txt"}]}
            attached.append(owner.post(f"{base}/messages/post", {"content": text, "data": data})["id"])
        self.doomed["message"].append(f"{base}/messages/{attached[0]}/delete")
        webhook = owner.post(f"{base}/webhooks/create", {"name": "Buoy 부표"})
        self.nobody.post(f"/api/v1/channels/webhooks/{webhook['id']}/{webhook['token']}", {"content": TEXTS[2]})
        for reader in self.everybody:
            # Whoever looks for the first time becomes a member, which would change the data if it happened later.
            self._as(reader).get(f"{base}/messages")
        return base.rpartition("/")[2]

    # What users delete, and what they do not know they leave behind

    def delete(self) -> None:
        admin = self.admin
        for path in self.doomed["message"]:
            self._delete("message", path)
        for chat_id in self.doomed["chat"]:
            self._delete("chat", f"/api/v1/chats/{chat_id}")
        for file_id in self.doomed["file"]:
            self._delete("file", f"/api/v1/files/{file_id}")
        for knowledge_id in self.doomed["knowledge"]:
            self._delete("knowledge", f"/api/v1/knowledge/{knowledge_id}/delete")
        for channel_id in self.doomed["channel"]:
            self._delete("channel", f"/api/v1/channels/{channel_id}/delete")
        # A folder inside a folder of a knowledge base: PostgreSQL would have deleted the inner one too.
        for base in admin.get("/api/v1/knowledge/")["items"]:
            directories = admin.get(f"/api/v1/knowledge/{base['id']}/files")["directories"]
            outer = [entry["id"] for entry in directories if entry["name"] == "outer"]
            if base["name"].startswith("Harbour 2"):
                self._delete("directory", f"/api/v1/knowledge/{base['id']}/dirs/{outer[0]}/delete")
        self._delete("user", f"/api/v1/users/{self.leaver.id}")

    def _delete(self, kind: str, path: str) -> None:
        self.admin.delete(path)
        self.world.deleted[kind] = self.world.deleted.get(kind, 0) + 1

    def tidy(self) -> None:
        """Take the forgetful vector store out again; the running process keeps it until it is restarted."""
        self.admin.delete("/api/v1/functions/id/vectors/delete")
        for account in self.world.accounts:
            try:
                self._as(account).get("/api/v1/auths/")
            except ApiError as error:
                raise RuntimeError(f"the token of {account.email} does not work after the filling") from error


def _history(account: Account, title: str, turns: int, seed: int) -> dict[str, Any]:
    """A chat as the browser saves it: messages in a tree, each answer the child of its question."""
    messages: dict[str, dict[str, Any]] = {}
    parent: str | None = None
    for turn in range(turns * 2):
        message_id = str(uuid.uuid4())
        asks = turn % 2 == 0
        text = TEXTS[(seed + turn) % len(TEXTS)]
        message: dict[str, Any] = {
            "id": message_id,
            "parentId": parent,
            "childrenIds": [],
            "role": "user" if asks else "assistant",
            "content": text if asks else f"{text}\n\n" * (1 + seed % 5),
            "timestamp": 1750000000 + seed * 10000 + turn,
        }
        if asks:
            message["models"] = [_MODEL]
        else:
            usage = {"prompt_tokens": turn, "completion_tokens": 7, "tokens_per_second": 41.0, "eval": 0.1 + turn}
            message |= {"model": _MODEL, "modelName": "Parrot 🦜", "modelIdx": 0, "done": True, "usage": usage}
            message["sources"] = [{"source": {"name": "notes.txt"}, "document": [text], "distances": [0.125]}]
        if parent:
            messages[parent]["childrenIds"].append(message_id)
        messages[message_id] = message
        parent = message_id
    return {
        "title": title,
        "models": [_MODEL],
        "params": {"temperature": 1.0, "system": TEXTS[4]},
        "history": {"messages": messages, "currentId": parent},
        "messages": list(messages.values()),
        "tags": [],
        "timestamp": 1750000000000 + seed,
        "files": [],
        "author": account.name,
    }
