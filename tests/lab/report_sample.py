# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of runs that never were, of any number of hosts, the same ones each time."""

from __future__ import annotations

import hashlib
import random
from typing import Any

Record = dict[str, Any]

STARTED = 1_790_000_000.0
# A name for each that somebody could use, and text that would be markup if it was not escaped.
HOSTILE = """</script></style></title><script>alert(1)</script>'"--><img src=x onerror=alert(2)>{{ 7*7 }}"""

TABLES = (
    ("chat", 520, 3_400_000),
    ("file", 84, 410_000),
    ("user", 25, 9_000),
    ("auth", 25, 6_000),
    ("chatidtag", 210, 21_000),
    ("tag", 61, 5_000),
    ("folder", 12, 2_000),
    ("knowledge", 6, 3_000),
    ("note", 40, 88_000),
    ("prompt", 18, 16_000),
    ("config", 1, 12_000),
    ("feedback", 0, 0),
)
# Phase, seconds, whether users wait.
PHASES = (
    ("look", 3.0, False),
    ("prepare", 4.5, False),
    ("load ahead", 20.0, False),
    ("wait", 6.0, False),
    ("catch up", 2.5, False),
    ("stop", 2.0, True),
    ("load", 1.5, True),
    ("switch", 6.5, True),
    ("back up", 4.0, False),
)


def run(records: list[Record], waves: list[list[str]] | None = None, ended: bool = True, **more: Any) -> Record:
    """A report of these hosts."""
    names = [record["host"] for record in records]
    last = max((record.get("at") or STARTED for record in records), default=STARTED)
    part = {
        "id": "20260921T141320Z-migrate",
        "playbook": "migrate",
        "check": False,
        "version": "0.1.0",
        "started_at": STARTED,
        "ended_at": last + 3 if ended else None,
        "hosts": names,
        "waves": [{"hosts": wave, "closed_at": None} for wave in (waves or [names])],
        **more,
    }
    return {"run": part, "hosts": records}


def migrated(name: str, start: float = STARTED, pace: float = 1.0, rows: int = 1) -> Record:
    """A host that was moved, with all that a record can hold."""
    timeline, at = [], start
    for phase, seconds, down in PHASES:
        timeline.append({"phase": phase, "from": at, "to": at + seconds * pace, "down": down})
        at += seconds * pace
    down = [entry for entry in timeline if entry["down"]]
    begun, ended = down[0]["from"], down[-1]["to"]
    tables = [_table(name, *table, rows) for table in TABLES]
    return {
        **_found(name),
        "state": "migrated",
        "note": "moved and proven, loaded ahead while users worked",
        "todo": [],
        "at": at,
        "rows": sum(table["rows"] for table in tables),
        "bytes": sum(table["bytes"] for table in tables),
        "downtime": {"from": begun, "to": ended, "seconds": ended - begun, "own_seconds": 7.0 * pace},
        "timeline": timeline,
        "tables": tables,
        "repairs": {
            "total": 3,
            "by_rule": [{"table": "chat", "column": "chat", "rule": "nul", "rows": 3}],
            "file": f"/var/lib/openwebui-postgres/{name}/repairs-20260921T141320Z.jsonl",
        },
        "orphans": [
            {"table": "chatidtag", "parent": "chat", "rows": 4, "fate": "quarantined"},
            {"table": "feedback", "parent": "user", "rows": 1, "fate": "nulled"},
        ],
        "left_out": [{"table": "migratehistory", "column": None, "why": "PostgreSQL's own schema has no such table", "rows": 18}],
        "values": [],
        "backup": {
            "file": f"/var/lib/openwebui-postgres/{name}/webui-20260921T141320Z.db",
            "sha256": hashlib.sha256(name.encode()).hexdigest(),
            "bytes": 4_300_800,
        },
        "quarantine": [f"/var/lib/openwebui-postgres/{name}/orphans-20260921T141320Z.jsonl"],
        "rollback": f"ansible-playbook -i inventory openwebui.postgres.rollback --limit {name}",
    }


def stopped(name: str, state: str, note: str, reasons: list[str], todo: list[str], start: float = STARTED, phases: int = 3) -> Record:
    """A host on which something went wrong, after so many phases."""
    timeline, at = [], start
    for phase, seconds, down in PHASES[:phases]:
        timeline.append({"phase": phase, "from": at, "to": at + seconds, "down": down})
        at += seconds
    return {**_found(name), "state": state, "note": note, "reasons": reasons, "todo": todo, "at": at, "timeline": timeline}


def restored(name: str, start: float = STARTED) -> Record:
    """A host whose new Open WebUI did not become healthy, and that was put back."""
    record = stopped(
        name,
        "restored",
        "on PostgreSQL it did not become healthy within 300 s; it runs on SQLite again",
        ["http://127.0.0.1:8080/health answered 502 for 300 s.", "The log ends with: could not connect to server: Connection refused"],
        ["Make port 5432 of db1 reachable from the container.", "Run the same command again: it goes on where this one ended."],
        start,
        len(PHASES) - 1,
    )
    down = [entry for entry in record["timeline"] if entry["down"]]
    seconds = down[-1]["to"] - down[0]["from"]
    return {**record, "downtime": {"from": down[0]["from"], "to": down[-1]["to"], "seconds": seconds, "own_seconds": None}}


def unreachable(name: str) -> Record:
    return {
        "host": name,
        "playbook": "migrate",
        "state": "unreachable",
        "note": "ssh: connect to host 192.0.2.7 port 22: No route to host",
        "reasons": ["Failed to connect to the host via ssh: ssh: connect to host 192.0.2.7 port 22: No route to host"],
        "todo": ["Look whether the host is up, and run the same command again."],
        "at": STARTED + 12,
    }


def pending(name: str) -> Record:
    return {"host": name, "state": "pending"}


def hostile() -> Record:
    """A host with markup wherever a record has text."""
    return _everywhere(migrated("x"))


def _everywhere(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _everywhere(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_everywhere(part, key) for part in value]
    return HOSTILE if isinstance(value, str) and key != "state" else value


def three() -> Record:
    """A canary that was moved, then one that was moved and one that was put back."""
    records = [migrated("chat1"), migrated("chat2.example.org", STARTED + 60, 1.4), restored("chat3.example.org", STARTED + 60)]
    return run(records, [["chat1"], ["chat2.example.org", "chat3.example.org"]])


def night() -> Record:
    """One that was loaded ahead in the evening and waited for its window."""
    record = migrated("chat1")
    for entry in record["timeline"]:
        if entry["phase"] == "wait":
            entry["to"] += 18_720
        elif entry["from"] > record["timeline"][3]["from"]:
            entry["from"] += 18_720
            entry["to"] += 18_720
    record["downtime"] = {**record["downtime"], "from": record["downtime"]["from"] + 18_720, "to": record["downtime"]["to"] + 18_720}
    return run([{**record, "at": record["at"] + 18_720}])


def fleet(number: int, ended: bool = True) -> Record:
    """A canary, a quarter, the rest; one in twelve goes wrong, and a run that has not ended has not begun its last wave."""
    luck = random.Random(7)
    names = [f"chat{place:03}.example.org" for place in range(1, number + 1)]
    quarter = 1 + number // 4
    waves = [wave for wave in (names[:1], names[1:quarter], names[quarter:]) if wave]
    records = [_one_of_many(name, index, luck) for index, wave in enumerate(waves) for name in wave]
    if not ended:
        records = [record if record["host"] not in waves[-1] else pending(record["host"]) for record in records]
    report = run(records, waves, ended)
    for wave, later in zip(report["run"]["waves"], report["run"]["waves"][1:] if not ended else report["run"]["waves"], strict=False):
        del later
        wave["closed_at"] = max((record.get("at") or STARTED for record in records if record["host"] in wave["hosts"]), default=None)
    return report


def _one_of_many(name: str, wave: int, luck: random.Random) -> Record:
    start = STARTED + wave * 110 + luck.random() * 6
    if wave and luck.random() < 1 / 12:
        return luck.choice(
            (lambda: restored(name, start), lambda: unreachable(name), lambda: _refused(name, start), lambda: _lost(name, start))
        )()
    return migrated(name, start, 0.6 + luck.random(), luck.randint(1, 9))


def _refused(name: str, start: float) -> Record:
    return stopped(
        name,
        "refused",
        "the target holds 3 users already",
        ["The database openwebui_chat at db1:5432 holds users and chats that this collection has not put there."],
        ["Name another database (webui_database_name), or empty this one."],
        start,
        2,
    )


def _lost(name: str, start: float) -> Record:
    return stopped(
        name,
        "lost",
        "the connection ended while it was loaded ahead",
        ["Shared connection closed."],
        ["Run it again: it converges."],
        start,
    )


def _found(name: str) -> Record:
    short = name.partition(".")[0]
    return {
        "host": name,
        "playbook": "migrate",
        "check": False,
        "instance": {
            "runtime": "container",
            "image": "ghcr.io/open-webui/open-webui:main",
            "version": "0.12.4",
            "data_dir": f"/srv/{short}",
            "running": True,
            "sqlite_path": f"/srv/{short}/webui.db",
        },
        "target": {"host": "db1.example.org", "port": 5432, "name": f"openwebui_{short}", "revision": "0bd252b206fb"},
        "source": {
            "size_bytes": 4_296_704,
            "wal_bytes": 164_832,
            "revision": "0bd252b206fb",
            "versions": "0.12.1 to 0.12.4",
            "rows": 1_020,
        },
    }


def _table(host: str, name: str, rows: int, size: int, times: int) -> Record:
    digest = hashlib.sha256(f"{host} {name}".encode()).hexdigest()
    return {"table": name, "rows": rows * times, "bytes": size * times, "seconds": size * times / 9e6 + 0.01, "digest": digest}
