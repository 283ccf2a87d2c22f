# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles leave behind on a host, as the modules return it, for tests of what is made of it."""

from __future__ import annotations

from typing import Any

Facts = dict[str, Any]

BEGAN = 1_790_000_000.0
# What no record, no report and no line may hold. It is wherever a module returns more than a record is made of.
SECRET = "hunter2"


def _took(begin: float, end: float) -> dict[str, float]:
    return {"began_at": BEGAN + begin, "ended_at": BEGAN + end}


def _result(**more: Any) -> Facts:
    return {"changed": False, "failed": False, "invocation": {"module_args": {"login_password": SECRET}}, "stdout": SECRET, **more}


def instance(kind: str = "sqlite", running: bool = True, **more: Any) -> Facts:
    """As webui_info finds it."""
    where = "/srv/open-webui/webui.db" if kind == "sqlite" else "127.0.0.1:5432/openwebui_chat1"
    return _result(
        timing=_took(0, 1),
        instance={
            "runtime": "container",
            "name": "open-webui",
            "image": "ghcr.io/open-webui/open-webui:main",
            "version": "0.12.4",
            "running": running,
            "missing": False,
            "database": {"kind": kind, "where": where, "on_target": kind == "postgresql", "set_by": ["DATABASE_URL"], "url": SECRET},
            "environment": {"WEBUI_SECRET_KEY": SECRET},
            "source": {"exists": True, "size": 1_400_000, "real_path": "/srv/open-webui/webui.db"},
            "free_bytes": {"state": 9_000_000_000},
            **more,
        },
    )


def source(**more: Any) -> Facts:
    """As webui_sqlite_check finds it."""
    return (
        _result(
            timing=_took(1, 3),
            size_bytes=1_400_000,
            wal_bytes=50_000,
            real_path="/srv/open-webui/webui.db",
            revision="0bd252b206fb",
            webui_versions={"first": "0.12.1", "last": "0.12.4"},
            tables=[{"name": "chat", "rows": 1300}, {"name": "user", "rows": 45}, {"name": "virtual", "rows": None}],
            left_out=[],
            orphans=[],
            value_findings=[],
            holders=[],
            ready=True,
        )
        | more
    )


def rehearsal(**more: Any) -> Facts:
    seconds = {"plan": 0.2, "scan": 1.0, "load": 4.0, "prove": 0.8, "total": 6.0}
    return _result(timing=_took(4, 10), rows=1345, seconds=seconds, repairs={"total": 0, "listed": [], "quarantine_file": None}) | more


def load(**more: Any) -> Facts:
    """As webui_pg_migrate says what it has moved."""
    return (
        _result(
            changed=True,
            timing=_took(14, 16),
            rows=1345,
            bytes=1_450_000,
            revision="0bd252b206fb",
            road="differences",
            road_reason=None,
            seconds={"plan": 0.21, "load": 0.4, "total": 1.1},
            tables=[{"name": "chat", "rows": 1300, "bytes": 1_400_000, "seconds": 0.3, "digest": "5f0c", "keys": SECRET}],
            repairs={
                "total": 3,
                "listed": [{"table": "chat", "column": "chat", "rule": "nul", "key": key} for key in ("a", "b", SECRET)],
                "quarantine_file": "/var/lib/repaired.jsonl",
            },
            removed=[{"table": "chatidtag", "parent": "chat", "column": "chat_id", "rows": 4, "key": SECRET}],
            nulled=[{"table": "feedback", "parent": "user", "column": "user_id", "rows": 1}],
            quarantine_file="/var/lib/orphans.jsonl",
            left_out=[{"table": "plugin", "column": None, "why": "left out by exclude_tables", "rows": 12}],
            already_migrated=False,
        )
        | more
    )


def moved(**more: Any) -> Facts:
    """All of a move that was loaded ahead."""
    return {
        "webui_instance_info": instance(),
        "webui_migrate_source": source(),
        "webui_migrate_snapshot": _result(timing=_took(4, 5)),
        "webui_migrate_preloaded": load(timing=_took(5, 9), seconds={"total": 4.0}),
        "webui_migrate_loads": [
            {"timing": _took(5, 9), "road": "full", "changed": True},
            {"timing": _took(10, 11), "road": "differences", "changed": True},
        ],
        "webui_migrate_ahead": "/var/lib/openwebui-postgres/open-webui/snapshot/webui.db",
        "webui_instance_at_rest": _result(timing=_took(12, 14), stopped_at=BEGAN + 12, at_rest_at=BEGAN + 14),
        "webui_migrate_result": load(),
        "webui_instance_switched": _result(timing=_took(16, 17), advice=["Remove the old container."]),
        "webui_cutover_result": _result(timing=_took(17, 22), started_at=BEGAN + 17.5, serving_at=BEGAN + 22),
        "webui_backup_result": _result(timing=_took(22, 23), backup_file="/var/lib/backup.db", sha256="ab12", size_bytes=1_450_000),
        **more,
    }


def looked(**more: Any) -> Facts:
    """All of a run that has only looked."""
    return {"webui_instance_info": instance(), "webui_migrate_source": source(), **more}


def kept(**more: Any) -> Facts:
    """All of a run over a host that is on PostgreSQL."""
    return {"webui_instance_info": instance("postgresql"), "webui_migrate_result": {}, "webui_migrate_ahead": "", **more}
