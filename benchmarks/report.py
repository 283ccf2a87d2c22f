# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a run as text to read."""

from __future__ import annotations

from typing import Any

RATIO_AIM = 0.40
SPEED_UP_AIM = 10
MEMORY_AIM_MB = 100

_HEADINGS = ("", "seconds", "/ pg_restore", "CPU s: own", "server", "peak MB", "rows lost", "database MB", "exit", "")


def text(outcome: dict[str, Any]) -> str:
    """The table, what is to be known about it, and the aims."""
    machine = outcome["machine"]
    toast = "with lz4" if machine["lz4"] else "without lz4"
    runs = f", medians of {outcome['repeat']} runs" if outcome["repeat"] > 1 else ""
    lines = [
        "",
        f"{outcome['size_mb']} MB, {outcome['rows']:,} rows. PostgreSQL {machine['postgresql']} {toast}, "
        f"{machine['processors']} processors, load {machine['load_average_at_start']} before the start{runs}.",
        "",
        *_table(outcome),
        "",
        *(f"{entry['name']}: {entry['note']}" for entry in outcome["contestants"]),
        "",
        *_phases(outcome["contestants"][0]),
        "",
        *_aims(outcome),
    ]
    return "\n".join(lines)


def _table(outcome: dict[str, Any]) -> list[str]:
    yardstick = _of(outcome, "pg_restore")
    rows = [_HEADINGS, *(_row(entry, yardstick, outcome["limit_seconds"]) for entry in outcome["contestants"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = []
    for row in rows:
        name, *figures, remark = row
        cells = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(figures, widths[1:])), remark]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(len(line) for line in lines))
    return lines


def _row(entry: dict[str, Any], yardstick: dict[str, Any] | None, limit: int) -> tuple[str, ...]:
    if "left_out" in entry:
        return (entry["name"], *("-",) * (len(_HEADINGS) - 2), entry["left_out"])
    remarks = []
    if entry["timed_out"]:
        remarks.append(f"stopped after the limit of {limit} s")
    if entry["lost"]:
        remarks.append("incomplete: " + ", ".join(sorted(entry["lost"], key=entry["lost"].get, reverse=True)[:3]))
    if entry["foreign_keys"] < entry["foreign_keys_wanted"]:
        remarks.append(f"{entry['foreign_keys']} of {entry['foreign_keys_wanted']} foreign keys left")
    ratio = f"{entry['seconds'] / yardstick['seconds']:.2f}" if yardstick else "-"
    return (
        entry["name"],
        f"{entry['seconds']:.1f}",
        ratio,
        f"{entry['cpu_seconds']:.1f}",
        f"{entry['server_cpu_seconds']:.1f}",
        f"{entry['peak_mb']:.0f}",
        f"{entry['rows_lost']:,}",
        str(entry["database_mb"]),
        str(entry["exit_code"]),
        "; ".join(remarks),
    )


def _phases(module: dict[str, Any]) -> list[str]:
    if module.get("message"):
        return [f"{module['name']} failed: {module['message']}"]
    phases = (f"{name} {seconds:.1f} s" for name, seconds in module["phases"].items() if name != "total")
    return [f"Inside the module: {', '.join(phases)}; the rest is the start of Python and of what Ansible brings."]


def _aims(outcome: dict[str, Any]) -> list[str]:
    module = outcome["contestants"][0]
    lines = [_aim(f"peak memory of the module {module['peak_mb']:.0f} MB", f"below {MEMORY_AIM_MB}", module["peak_mb"] < MEMORY_AIM_MB)]
    yardstick = _of(outcome, "pg_restore")
    if yardstick:
        ratio = module["seconds"] / yardstick["seconds"]
        lines.append(_aim(f"{ratio:.2f} of pg_restore's time", f"at most {RATIO_AIM}", ratio <= RATIO_AIM))
    peer = _of(outcome, "open-webui-postgres-migration")
    if peer:
        times = peer["seconds"] / module["seconds"]
        lines.append(_aim(f"{times:.1f} times as fast as {peer['name']}", f"at least {SPEED_UP_AIM}", times >= SPEED_UP_AIM))
    return lines


def _aim(figure: str, aim: str, reached: bool) -> str:
    return f"{'reached' if reached else 'MISSED '}  {figure} (aim: {aim})"


def _of(outcome: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A contestant's figures, if it ran."""
    return next((entry for entry in outcome["contestants"] if entry["name"] == name and "seconds" in entry), None)
