# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hundred instances in one run, some of them broken: what comes of each, and what the run costs. See README.md in this folder.

Many instances on one machine, each with a webui.db of its own, and one server with a database for each. A small program stands in for Open
WebUI. Root is needed, for two small file systems that are to get full.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from instances import FLAWS, Fleet, Instance
from lab import paths, postgres, webui_play
from lab.console import say
from lab.databases import DatabaseServer
from lab.webui_service import write_private

# An instance has a few connections while it is moved, and one for good.
SETTINGS = {"max_connections": "400", "shared_buffers": "128MB"}
# All in one wave, whatever fails.
AT_ONCE = ("-e", "webui_serial=100%", "-e", "webui_max_fail_percentage=100")
# What the report calls a host on which nothing is other than it was.
AS_BEFORE = ("refused", "restored", "unreachable")
WANTED_CPU = 4.0
WANTED_RATIO = 1.3
WANTED_MB = 3.0


@dataclass
class Played:
    """What a play did and what it took."""

    code: int
    output: str
    hosts: int
    wall: float
    cpu: float
    peak_mb: float
    tasks: list[dict[str, Any]]
    modules: list[dict[str, Any]]
    # By host: why it failed at last, and what the report says of it.
    failed: dict[str, str]
    records: dict[str, dict[str, Any]]

    @property
    def modules_each(self) -> float:
        return len(self.modules) / self.hosts


def play(playbook: str, inventory: Path, hosts: int, forks: int, *arguments: str) -> Played:
    """Run a playbook to its end and measure it."""
    with tempfile.TemporaryDirectory(prefix="webui-fleet-play-") as folder:
        tally = Path(folder) / "tally.jsonl"
        environment = webui_play.environment(
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_FORKS=str(forks),
            ANSIBLE_LIBRARY=str(HERE / "library"),
            ANSIBLE_CALLBACK_PLUGINS=str(HERE / "callback_plugins"),
            ANSIBLE_CALLBACKS_ENABLED="tally",
            TALLY_FILE=str(tally),
        )
        arguments = ("-e", f"webui_report_dir={folder}/report", *AT_ONCE, *arguments)
        command = [webui_play.ANSIBLE_PLAYBOOK, playbook, "-i", inventory, *arguments]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        run = subprocess.run(
            command, cwd=paths.ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
        lines = [json.loads(line) for line in tally.read_text(encoding="utf-8").splitlines()]
        reports = [json.loads(file.read_text(encoding="utf-8")) for file in Path(folder).glob("report/runs/*/report.json")]
    found = {what: [line for line in lines if line["what"] == what] for what in ("task", "module", "failed", "end")}
    return Played(
        run.returncode,
        run.stdout,
        hosts,
        wall,
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        found["end"][-1]["peak_kb"] / 1024 if found["end"] else 0.0,
        found["task"],
        found["module"],
        {line["host"]: line["why"] for line in found["failed"]},
        {record["host"]: record for report in reports for record in report["hosts"]},
    )


def faults(fleet: Fleet, first: Played) -> list[str]:
    """Whatever did not come as it has to, of any instance; and what the play did not say of it."""
    found = []
    for instance in fleet.instances:
        said = first.failed.get(instance.name, "")
        found += [f"{instance.name}: {fault}" for fault in instance.faults()]
        if instance.reason not in said:
            found.append(f'{instance.name}: does not say "{instance.reason}", but: {said}')
        elif said and not instance.reason:
            found.append(f"{instance.name}: {said}")
        found += [f"{instance.name}: in the report, {fault}" for fault in misreported(instance, first.records.get(instance.name, {}))]
    return found


def misreported(instance: Instance, record: dict[str, Any]) -> list[str]:
    """What the report does not say of an instance as it is."""
    state, reasons = record.get("state"), " ".join(record.get("reasons") or [])
    if not instance.reason:
        return [] if state == "migrated" else [f"it is {state}"]
    wrong = [] if state in AS_BEFORE else [f"it is {state}"]
    return wrong if instance.reason in reasons else [*wrong, f'"{instance.reason}" is not among its reasons: {reasons}']


def floor(folder: Path, inventory: Path, hosts: int, forks: int, modules: int, *arguments: str) -> Played:
    """A play with so many tasks of a module that does nothing."""
    tasks = [{"name": f"Nothing {number}", "webui_nothing": {}} for number in range(1, modules + 1)]
    playbook = folder / "floor.yml"
    write_private(playbook, json.dumps([{"name": "Do nothing", "hosts": "webui", "gather_facts": False, "tasks": tasks}]))
    return play(str(playbook), inventory, hosts, forks, *arguments)


def slowest(played: Played) -> list[tuple[str, float]]:
    """The tasks of a play by the time from one to the next, in seconds for each host."""
    spent: dict[str, float] = {}
    for task, following in zip(played.tasks, [*played.tasks[1:], {"at": played.tasks[0]["at"] + played.wall}]):
        spent[task["name"]] = spent.get(task["name"], 0) + (following["at"] - task["at"]) / played.hosts
    return sorted(spent.items(), key=lambda pair: -pair[1])


@dataclass
class Measured:
    """A fleet of one size."""

    hosts: int
    broken: int
    first: Played
    second: Played
    floor: Played


def measure(folder: Path, healthy: int, broken: int, forks: int, verbose: bool) -> Measured:
    """Move a fleet, see what has come of each, run once more over those that were moved, and do nothing as often."""
    with postgres.temporary("18", SETTINGS) as cluster:
        fleet = Fleet(folder, DatabaseServer(cluster))
        try:
            fleet.build(healthy, broken)
            inventory, hosts = fleet.inventory(), healthy + broken
            say(f"{hosts} hosts, {broken} of them broken: moving")
            first = play(webui_play.MIGRATE, inventory, hosts, forks)
            wrong = faults(fleet, first)
            if wrong or (first.code != 0) != bool(broken):
                raise SystemExit(f"{first.output}\n\nEnded with {first.code}.\n" + "\n".join(wrong))
            say(f"moved in {first.wall:.0f} s; again")
            only = ("--limit", "all:!broken-*")
            second = play(webui_play.MIGRATE, inventory, healthy, forks, *only)
            if second.code != 0 or second.failed or any(module["changed"] for module in second.modules):
                raise SystemExit(second.output)
            say(f"again in {second.wall:.0f} s; nothing, as often")
            nothing = floor(folder, inventory, healthy, forks, round(second.modules_each), *only)
            if verbose:
                for name, seconds in slowest(second)[:30]:
                    print(f"{seconds:6.2f} s  {name}")
            return Measured(hosts, broken, first, second, nothing)
        finally:
            fleet.destroy()


def table(rows: list[Measured]) -> list[str]:
    columns = ("hosts", "broken", "first: s", "CPU s each", "MB", "second: s", "CPU s each", "MB", "tasks / modules")
    columns += ("floor: s", "CPU s each", "second / floor")
    lines = [f"| {' | '.join(columns)} |", f"|{'---:|' * len(columns)}"]
    for row in rows:
        first, second, nothing = row.first, row.second, row.floor
        cells = [
            *(str(row.hosts), str(row.broken), f"{first.wall:.0f}", f"{first.cpu / first.hosts:.2f}", f"{first.peak_mb:.0f}"),
            *(f"{second.wall:.0f}", f"{second.cpu / second.hosts:.2f}", f"{second.peak_mb:.0f}"),
            *(f"{len(second.tasks)} / {second.modules_each:.0f}", f"{nothing.wall:.0f}", f"{nothing.cpu / nothing.hosts:.2f}"),
            f"{second.cpu / nothing.cpu:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def growth(rows: list[Measured]) -> list[str]:
    """What the memory grows by, from the smallest to the largest fleet."""
    if len(rows) < 2:
        return []
    least, most = rows[0], rows[-1]
    lines = []
    for what in ("first", "second"):
        one, other = getattr(least, what), getattr(most, what)
        each = (other.peak_mb - one.peak_mb) / (other.hosts - one.hosts)
        lines.append(f"Memory of ansible-playbook, {what} run: {each:+.2f} MB for each host.")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 10, 50, 100], help="sizes of fleets (default: 1 10 50 100)")
    parser.add_argument(
        "--broken", type=int, default=len(FLAWS), help="how many are broken, in fleets of twice as many or more (default: all)"
    )
    parser.add_argument("--forks", type=int, default=10, help="of Ansible (default: 10)")
    parser.add_argument("--verbose", action="store_true", help="also the slowest tasks of the second run")
    options = parser.parse_args()
    # Whoever ends it early leaves no instance running and nothing mounted either.
    signal.signal(signal.SIGTERM, lambda *_ignored: sys.exit(1))
    rows = []
    with tempfile.TemporaryDirectory(prefix="webui-fleet-") as folder:
        for hosts in sorted(options.hosts):
            broken = options.broken if hosts >= 2 * options.broken else 0
            rows.append(measure(Path(folder) / str(hosts), hosts - broken, broken, options.forks, options.verbose))
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=paths.ROOT, capture_output=True, text=True, check=True)
    print(f"\n{revision.stdout.strip()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {options.forks} forks\n")
    print("\n".join([*table(rows), "", *growth(rows)]))
    print(f"Wanted, at most: second run {WANTED_CPU:g} CPU s each and {WANTED_RATIO:g} of the floor; {WANTED_MB:g} MB each.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
