# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host record in words, a line each: what somebody who moves one host reads at the end."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from . import amounts

REPAIRS_LISTED = 10


def lines(record: Mapping[str, Any]) -> list[str]:
    """All there is to say of a host."""
    if record["state"] in ("lost", "pending"):
        # It has noted nothing.
        return [f"{record['host']}: {record['note']}.", *_still_to_be_done(record)]
    return [line for line in _SAID[record["playbook"]](record) if line]


def message(record: Mapping[str, Any]) -> str:
    """Why the run over this host did not do what it was asked for, for the task that fails."""
    if record["state"] == "refused" and _on_postgresql(record):
        return "\n".join(["Open WebUI is on PostgreSQL, and could not be kept there as it is described. Put right:", *record["reasons"]])
    if record["state"] == "refused" and record["playbook"] == "audit":
        return "\n".join(["NOT READY:", *record["reasons"]])
    if record["state"] == "waiting":
        late = "Nothing was stopped: the hours in which it may be were over. What was loaded ahead is kept. Next: run this play again."
        return "\n".join([late, *record["reasons"]])
    if record["state"] in ("refused", "unreachable"):
        return "\n".join(["Nothing was stopped. First put right:", *record["reasons"]])
    return "\n".join(lines(record))


def _audited(record: Mapping[str, Any]) -> Iterator[str]:
    words = {"ready": "READY to be moved.", "kept": "ON POSTGRESQL already. There is nothing to move."}
    yield words.get(record["state"], "NOT READY:")
    for reason in record["reasons"]:
        yield f"  {reason}"
    yield from _runs(record)
    yield from _file(record)
    for left in record["left_out"]:
        if left.get("rows") is not None:
            yield f"Left out: {left['table']} ({left['why']}, {left['rows']} rows)."
    yield from _orphaned(record)
    for value in record["values"]:
        word = "Refused" if value["refused"] else "To be repaired"
        keys = "; ".join(value["sample_keys"])
        yield f"{word}: {value['rows']} values in {value['table']}.{value['column']} ({value['rule']}), for example of {keys}."
    for holder in record["source"]["holders"]:
        yield f"In use by: {holder}."
    yield from _expected(record)


def _runs(record: Mapping[str, Any]) -> Iterator[str]:
    instance = record["instance"]
    kind, where = instance["database"]["kind"], instance["database"]["where"]
    if kind:
        yield f"Open WebUI {'runs' if instance['running'] else 'does not run'}, on {kind}{f' ({where})' if where else ''}."


def _file(record: Mapping[str, Any]) -> Iterator[str]:
    source, path = record["source"], record["instance"]["sqlite_path"]
    if source["real_path"] and source["real_path"] != path:
        yield f"{path} leads to {source['real_path']}."
    if source["revision"]:
        yield f"Revision: {source['revision']}{', Open WebUI ' + source['versions'] if source['versions'] else ''}."
    if source["rows"] is not None:
        log = _size(source["wal_bytes"] or 0)
        yield f"Size: {_size(source['size_bytes'])} and {log} of write-ahead log, {source['rows']} rows."


def _expected(record: Mapping[str, Any]) -> Iterator[str]:
    estimate = record.get("estimate")
    if estimate:
        yield (
            f"A move would take: {_size(estimate['disk_bytes'])} of disk, about {estimate['online_seconds']:.0f} seconds while users work, "
            f"and {estimate['downtime_seconds']:.0f} seconds of downtime ({estimate['from']})."
        )


def _orphaned(record: Mapping[str, Any]) -> Iterator[str]:
    for orphan in record["orphans"] or ():
        lost = f"{orphan['rows']} rows of {orphan['table']}"
        if orphan["fate"] == "nulled":
            yield f"Orphaned: {lost} no longer point at a lost {orphan['parent']} ({orphan['column']})."
        else:
            later = ", to be moved into quarantine" if orphan["fate"] == "found" and record["playbook"] == "migrate" else ""
            yield f"Orphaned: {lost} without their {orphan['parent']}{later}."


def _migrated(record: Mapping[str, Any]) -> Iterator[str]:
    if record["state"] in ("restored", "down"):
        yield from _failed(record)
    elif record["state"] in ("refused", "unreachable", "waiting"):
        yield from message(record).splitlines()
    elif record["state"] == "rehearsed":
        yield from _rehearsed(record)
    elif record["state"] == "migrated":
        yield from _moved(record)
    else:
        yield f"Open WebUI runs on PostgreSQL ({_place(record)}). There was nothing to move."
        yield from _still_to_be_done(record)


def _on_postgresql(record: Mapping[str, Any]) -> bool:
    """Whether it is on the database that this run is about, not on one of somebody else."""
    return bool(record["instance"]["database"]["on_target"])


def _failed(record: Mapping[str, Any]) -> Iterator[str]:
    is_down = record["state"] == "down"
    if is_down and _on_postgresql(record):
        yield "FAILED, and OPEN WEBUI MAY NOT RUN: it was stopped on PostgreSQL, to be started again with settings that have changed."
        yield from record["reasons"]
        yield "Next: put that right and run this play again."
        return
    what = "OPEN WEBUI DOES NOT RUN: it could not be started again on SQLite." if is_down else "Open WebUI runs on SQLite again, as before."
    yield f"FAILED, and {what}"
    yield from record["reasons"]
    if is_down:
        yield "Next: put that right and run rollback.yml, which tries the way back again; or run this play again. webui.db is whole."
    else:
        yield "Next: put that right and run this play again."
    yield from _waited(record)
    yield from _backed_up(record)


def _rehearsed(record: Mapping[str, Any]) -> Iterator[str]:
    if not record["check"]:
        yield "Nothing was moved in this run."
        return
    yield "Check mode: nothing was changed."
    for line in record["untried"]:
        yield f"{line} A run without --check makes it, before anything is stopped, and then tries the rest."
    upgrade, rehearsal, ahead = record["upgrade"], record["rehearsal"], record["online"]
    if upgrade:
        path = record["instance"]["sqlite_path"]
        yield f"Older: {path} is at revision {upgrade['from']} and would be upgraded to {upgrade['to']}, on a copy."
    if rehearsal:
        rows = record["source"]["rows"] if rehearsal["rows"] is None else rehearsal["rows"]
        yield f"Rehearsed: {rows} rows can be moved to {_place(record)}."
    way = "ahead while Open WebUI works, and what differs once it is stopped" if ahead else "once Open WebUI is stopped"
    yield f"Way of a run: everything is loaded {way}."
    seconds = (rehearsal or {}).get("seconds")
    if seconds:
        most = f"at most {seconds['plan'] + seconds['scan']:.0f}" if ahead else f"about {seconds['total']:.0f}"
        yield f"Downtime to expect: Open WebUI's own stop and start, Ansible's way to the host, and {most} seconds, measured just now."
    if record["repairs"]["total"]:
        yield f"To be repaired on the way: {record['repairs']['total']} values."
    yield from _orphaned(record)


def _moved(record: Mapping[str, Any]) -> Iterator[str]:
    earlier = ", already by an earlier run" if record["already_migrated"] else ""
    yield f"Open WebUI runs on PostgreSQL: {_place(record)}, revision {record['target']['revision']}."
    yield f"Moved and proven: {record['rows']} rows, {_size(record['bytes'])}{earlier}."
    upgrade, ahead = record["upgrade"], record["ahead"]
    if upgrade:
        path = record["instance"]["sqlite_path"]
        yield f"Upgraded on a copy: from revision {upgrade['from']} to {upgrade['to']}. {path} is as it was."
    if record["seconds"]:
        yield f"Seconds: {', '.join(f'{phase} {seconds}' for phase, seconds in record['seconds'].items())}."
    if ahead and ahead["seconds"] is not None:
        yield f"Loaded ahead while users worked: {_size(ahead['bytes'])} in {ahead['seconds']:.0f} seconds."
    if record["not_ahead"]:
        yield f"Not loaded ahead: {record['not_ahead']}"
    if record["road"]:
        what = "what had changed since" if record["road"] == "differences" else f"everything, because {record['road_reason']}"
        yield f"Loaded while it was down: {what}."
    yield from _waited(record)
    yield from _backed_up(record)
    yield from _orphaned(record)
    for path in record["quarantine"]:
        yield f"Kept in quarantine: {path}"
    yield from _repaired(record)
    for left in record["left_out"]:
        column = f".{left['column']}" if left.get("column") else ""
        rows = f", {left['rows']} rows" if left.get("rows") is not None else ""
        yield f"Left out: {left['table']}{column} ({left['why']}{rows})."
    yield from _still_to_be_done(record)
    folder = record["instance"]["data_dir"]
    yield (
        f"Next: sign in and open a chat. {folder} stays in use for uploads and vectors. Keep webui.db and the backup until you are content."
    )


def _repaired(record: Mapping[str, Any]) -> Iterator[str]:
    repairs = record["repairs"]
    if repairs["total"]:
        yield f"Repaired: {repairs['total']} values.{' Originals: ' + repairs['file'] if repairs['file'] else ''}"
        for one in repairs["by_rule"][:REPAIRS_LISTED]:
            yield f"  {one['table']}.{one['column']}: {one['rule']}, {one['rows']} values"


def _waited(record: Mapping[str, Any]) -> Iterator[str]:
    down = record["downtime"]
    if down:
        own = down["own_seconds"]
        of_it = "" if own is None else f", of which Open WebUI's own stop and start {own:.0f} seconds"
        yield f"Downtime: {down['seconds']:.0f} seconds{of_it}."


def _backed_up(record: Mapping[str, Any]) -> Iterator[str]:
    if record["backup"]:
        yield f"Backup of the SQLite database: {record['backup']['file']}"


def _still_to_be_done(record: Mapping[str, Any]) -> Iterator[str]:
    for line in record.get("todo", []):
        yield f"Still to be done: {line}"


def _rolled_back(record: Mapping[str, Any]) -> Iterator[str]:
    path = record["instance"]["sqlite_path"]
    if record["state"] in ("refused", "unreachable"):
        yield from message(record).splitlines()
    elif record["state"] == "down":
        yield "FAILED: Open WebUI could not be put back on SQLite."
        yield from record["reasons"]
        yield "Next: put that right and run this play again. webui.db is whole."
    elif record["state"] == "kept":
        yield f"Open WebUI runs on SQLite ({path}). There was nothing to put back."
    elif record["state"] == "rehearsed":
        yield "Check mode: nothing was changed. Open WebUI would run on SQLite again."
    else:
        if record["instance"]["missing"]:
            yield f"There was no container before the move, so there is none now. {path} is as it was."
        else:
            yield f"Open WebUI runs on SQLite again: {path}."
        yield from _waited(record)
        yield from _still_to_be_done(record)
        yield (f"What was written since the move is in the database {_place(record)}, which was left as it is, and not in this file.")
        yield "Before another move, decide what becomes of that: empty that database, or set webui_migrate_target_data to replace."


def _place(record: Mapping[str, Any]) -> str:
    target = record["target"]
    return f"{target['name']} at {target['host']}:{target['port']}"


def _size(size: int | None) -> str:
    return amounts.size(size or 0)


_SAID = {"audit": _audited, "migrate": _migrated, "rollback": _rolled_back}
