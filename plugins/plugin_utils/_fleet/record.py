# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a run on one host, as one record: drawn from what the roles have registered there. Counts and names, never content."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Mapping

from .estimate import Rates, estimate

# What the roles leave behind on a host, by the name that it is registered under.
FACTS = (
    "webui_instance_info",
    "webui_migrate_source",
    "webui_migrate_rehearsal",
    "webui_migrate_snapshot",
    "webui_migrate_preloaded",
    "webui_migrate_loads",
    "webui_migrate_ahead",
    "webui_instance_at_rest",
    "webui_migrate_result",
    "webui_migrate_cleaned",
    "webui_migrate_orphans_restored",
    "webui_instance_switched",
    "webui_cutover_result",
    "webui_instance_serving",
    "webui_backup_result",
    "webui_schema_upgrade",
)
# The phases that a module stands for, in the order of a run: the name, whether users wait meanwhile.
PHASES = (
    ("webui_instance_info", "look", False),
    ("webui_migrate_source", "check", False),
    ("webui_migrate_rehearsal", "rehearse", False),
    ("webui_migrate_loads", "load ahead", False),
    ("webui_instance_at_rest", "stop", True),
    ("webui_migrate_result", "load", True),
    ("webui_instance_switched", "switch", True),
    ("webui_cutover_result", "start", True),
    ("webui_instance_serving", "go back", True),
    ("webui_backup_result", "back up", False),
)
NOTE_CHARACTERS = 200
GOES_ON = "Run the playbook again: it goes on from wherever this run has ended."


@dataclass(frozen=True)
class Told:
    """What the playbook knows of its run on a host, beside what the roles have registered."""

    host: str
    playbook: str
    check: bool = False
    findings: list[str] = field(default_factory=list)
    failure: list[str] = field(default_factory=list)
    return_failure: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    # What is true of a host that was where it should be.
    already: bool = False
    window_over: bool = False
    # In seconds since 1970, where it was stopped and the cutover failed: the way back may have stopped it once more.
    stopped_at: Any = None
    # Said right before the stop. What comes of it replaces this, unless the run ends there.
    under_way: bool = False
    online: bool = True
    database: Mapping[str, Any] = field(default_factory=dict)
    data_dir: str = ""
    sqlite_path: str = ""


def record(told: Told, facts: Mapping[str, Any], rates: Rates) -> dict[str, Any]:
    """A host record.

    :arg facts: those of C(FACTS) that are there.
    :arg rates: how long things took in earlier runs, for what a move would take.
    """
    found: dict[str, Any] = {name: _registered(facts.get(name)) for name in FACTS}
    moved, ahead = found["webui_migrate_result"], found["webui_migrate_preloaded"]
    state = _state(told, found)
    in_the_way = state in ("refused", "restored", "down", "waiting", "unreachable", "lost")
    whole: dict[str, Any] = {
        "host": told.host,
        "playbook": told.playbook,
        "check": told.check,
        "state": state,
        "reasons": _reasons(told, found) if in_the_way else [],
        "todo": _todo(told, found, in_the_way),
        "untried": told.untried,
        "at": time.time(),
        "instance": _instance(told, found["webui_instance_info"]),
        "target": {**told.database, "revision": moved.get("revision")},
        "source": _source(found),
        "rows": moved.get("rows"),
        "bytes": moved.get("bytes"),
        "already_migrated": bool(moved.get("already_migrated")),
        "seconds": moved.get("seconds"),
        "road": moved.get("road"),
        "road_reason": moved.get("road_reason"),
        "ahead": {"bytes": ahead.get("bytes"), "seconds": (ahead.get("seconds") or {}).get("total")}
        if found["webui_migrate_ahead"]
        else None,
        "not_ahead": found["webui_migrate_snapshot"].get("msg") if not found["webui_migrate_ahead"] else None,
        "online": told.online,
        "upgrade": _upgrade(found["webui_schema_upgrade"]),
        "rehearsal": _rehearsal(found["webui_migrate_rehearsal"]),
        "downtime": _downtime(told, found),
        "timeline": _timeline(found),
        "tables": _tables(found),
        "repairs": _repairs(moved or found["webui_migrate_rehearsal"]),
        "orphans": _orphans(found),
        "left_out": moved.get("left_out") or found["webui_migrate_source"].get("left_out") or [],
        "values": found["webui_migrate_source"].get("value_findings") or [],
        "backup": _backup(found["webui_backup_result"]),
        "quarantine": [path for path in (moved.get("quarantine_file"), found["webui_migrate_cleaned"].get("quarantine_file")) if path],
        "estimate": _estimate(told, found, rates) if told.playbook == "audit" and not told.already else None,
        "rollback": _rollback(told, state),
    }
    return {**whole, "note": _note(whole)}


def _registered(result: Any) -> Any:
    """What is there of a result. Ansible registers also what it has skipped."""
    if isinstance(result, dict):
        return {} if result.get("skipped") else result
    return result if isinstance(result, (list, str)) else {}


def _state(told: Told, found: Mapping[str, Any]) -> str:
    was_moved = found["webui_migrate_result"].get("rows") is not None
    went_wrong = _went_wrong(told, found, was_moved)
    if went_wrong is not None:
        return went_wrong
    if told.already:
        return "kept"
    if told.playbook == "audit":
        return "ready"
    if told.check:
        return "rehearsed"
    if told.playbook == "rollback":
        return "rolled_back"
    # A part of a run, by its tags.
    return "migrated" if was_moved else "rehearsed"


def _went_wrong(told: Told, found: Mapping[str, Any], was_moved: bool) -> str | None:
    if found["webui_instance_info"].get("unreachable"):
        return "unreachable"
    if told.under_way:
        return "lost"
    if told.return_failure or (told.already and told.findings and _was_stopped(found)):
        return "down"
    if told.failure:
        return "restored" if told.playbook == "migrate" else "down"
    if told.findings and not (was_moved and not told.check):
        return "refused"
    return "waiting" if told.window_over else None


def _was_stopped(found: Mapping[str, Any]) -> bool:
    return found["webui_instance_at_rest"].get("stopped_at") is not None


def _reasons(told: Told, found: Mapping[str, Any]) -> list[str]:
    if found["webui_instance_info"].get("unreachable"):
        return [f"Could not be reached: {found['webui_instance_info'].get('msg') or 'no reason given'}"]
    back = [f"On the way back: {line}" for line in told.return_failure]
    return list(dict.fromkeys([*told.failure, *back, *told.left, *told.findings]))


def _todo(told: Told, found: Mapping[str, Any], in_the_way: bool) -> list[str]:
    orphans = found["webui_migrate_orphans_restored"]
    is_not_restored = told.playbook == "rollback" and orphans and "restored" not in orphans
    return [
        *([GOES_ON] if told.under_way else []),
        *(found["webui_instance_switched"].get("advice") or []),
        *([f"Orphaned rows were not put back: {orphans.get('msg', '')} Open WebUI does not miss them."] if is_not_restored else []),
        *([] if in_the_way else told.findings),
    ]


def _instance(told: Told, info: Mapping[str, Any]) -> dict[str, Any]:
    instance = info.get("instance") or {}
    database = instance.get("database") or {}
    return {
        "runtime": instance.get("runtime"),
        "name": instance.get("name"),
        "image": instance.get("image"),
        "version": instance.get("version"),
        "running": instance.get("running"),
        "missing": bool(instance.get("missing")),
        "data_dir": told.data_dir,
        "sqlite_path": told.sqlite_path,
        "database": {name: database.get(name) for name in ("kind", "where", "on_target")},
    }


def _source(found: Mapping[str, Any]) -> dict[str, Any]:
    checked = found["webui_migrate_source"]
    source = (found["webui_instance_info"].get("instance") or {}).get("source") or {}
    versions = checked.get("webui_versions") or {}
    counted = [table["rows"] for table in checked.get("tables") or [] if table.get("rows") is not None]
    return {
        "size_bytes": checked.get("size_bytes", source.get("size")),
        "wal_bytes": checked.get("wal_bytes"),
        "revision": checked.get("revision"),
        "versions": f"{versions['first']} to {versions['last']}" if versions else None,
        "rows": sum(counted) if checked.get("tables") is not None else None,
        "real_path": checked.get("real_path"),
        "holders": [
            f"{holder['command']} (pid {holder['pid']})" if holder.get("pid") else holder["command"]
            for holder in checked.get("holders") or []
        ],
    }


def _upgrade(upgrade: Mapping[str, Any]) -> dict[str, Any] | None:
    return {"from": upgrade.get("from"), "to": upgrade.get("to")} if upgrade.get("needed") else None


def _rehearsal(rehearsal: Mapping[str, Any]) -> dict[str, Any] | None:
    if not rehearsal:
        return None
    return {"rows": rehearsal.get("rows"), "seconds": rehearsal.get("seconds")}


def _downtime(told: Told, found: Mapping[str, Any]) -> dict[str, Any] | None:
    """From the stop until it served again, on either database; C(own_seconds) of it were Open WebUI's own stop and start."""
    rest, moved, back = found["webui_instance_at_rest"], found["webui_cutover_result"], found["webui_instance_serving"]
    served = moved if moved.get("serving_at") and not told.failure else back
    stopped_at = float(told.stopped_at or rest.get("stopped_at") or 0)
    if not stopped_at or not served.get("serving_at"):
        return None
    own = None
    # Of one that has gone back it is not known what it would have taken.
    if served is moved and rest.get("at_rest_at"):
        own = rest["at_rest_at"] - stopped_at + served["serving_at"] - (served.get("started_at") or served["serving_at"])
    return {"from": stopped_at, "to": served["serving_at"], "seconds": served["serving_at"] - stopped_at, "own_seconds": own}


def _timeline(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    drawn = []
    for name, phase, down in PHASES:
        results = found[name] if isinstance(found[name], list) else [found[name]]
        for result in results:
            timing = result.get("timing")
            if timing:
                drawn.append({"phase": phase, "from": timing["began_at"], "to": timing["ended_at"], "down": down, **_whole(result)})
    return sorted(drawn, key=lambda phase: phase["from"])


def _whole(result: Mapping[str, Any]) -> dict[str, bool]:
    """Whether everything was loaded in it, and neither only what differs, nor nothing because it was there already."""
    return {"whole": True} if result.get("road") == "full" and result.get("changed") else {}


def _tables(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those of the move where there was one, otherwise those of the file."""
    for tables in (found["webui_migrate_result"].get("tables"), found["webui_migrate_source"].get("tables")):
        if tables:
            return [
                {"table": table["name"], **{name: table.get(name) for name in ("rows", "bytes", "seconds", "digest")}} for table in tables
            ]
    return []


def _repairs(move: Mapping[str, Any]) -> dict[str, Any]:
    repairs = move.get("repairs") or {}
    counted = Counter((one["table"], one["column"], one["rule"]) for one in repairs.get("listed") or [])
    return {
        "total": repairs.get("total") or 0,
        "by_rule": [{"table": table, "column": column, "rule": rule, "rows": rows} for (table, column, rule), rows in counted.items()],
        "file": repairs.get("quarantine_file"),
    }


def _orphans(found: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """What became of orphaned rows; None where nobody has looked for them, or the file is too damaged for that."""
    moved, cleaned = found["webui_migrate_result"], found["webui_migrate_cleaned"]
    fates = (
        ("quarantined", [*(moved.get("removed") or []), *(cleaned.get("removed") or [])]),
        ("nulled", [*(moved.get("nulled") or []), *(cleaned.get("nulled") or [])]),
    )
    dealt_with = [{**_orphan(one), "fate": fate} for fate, rows in fates for one in rows]
    if dealt_with or moved:
        return dealt_with
    counted = found["webui_migrate_source"].get("orphans")
    return None if counted is None else [{**_orphan(one), "fate": "found"} for one in counted]


def _orphan(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one.get(name) for name in ("table", "parent", "column", "rows")}


def _backup(backup: Mapping[str, Any]) -> dict[str, Any] | None:
    if not backup.get("backup_file"):
        return None
    return {"file": backup["backup_file"], "sha256": backup.get("sha256"), "bytes": backup.get("size_bytes")}


def _estimate(told: Told, found: Mapping[str, Any], rates: Rates) -> dict[str, Any] | None:
    room = (found["webui_instance_info"].get("instance") or {}).get("free_bytes") or {}
    return estimate(found["webui_migrate_source"], rates, told.online, room.get("state")) or None


def _rollback(told: Told, state: str) -> str | None:
    if told.playbook != "migrate" or state not in ("migrated", "kept", "down"):
        return None
    return f"ansible-playbook openwebui.postgres.rollback -e webui_hosts='{told.host}'"


def _note(whole: Mapping[str, Any]) -> str:
    """What a table has room for: the first reason, or what is still to be done."""
    lines = [*whole["reasons"], *(f"to be done: {line}" for line in whole["todo"]), *whole["untried"]]
    text = lines[0] if lines else ""
    more = f" (and {len(whole['reasons']) - 1} more)" if len(whole["reasons"]) > 1 else ""
    return text[: NOTE_CHARACTERS - len(more)] + more
