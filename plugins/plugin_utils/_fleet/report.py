# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run: noted host by host, put together after each wave, said at the end."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

from . import history, page, prose, states, store, table, waves
from .estimate import Rates, rates_of
from .record import GOES_ON

# A page holds all hosts, so it is not made anew for each of them.
SECONDS_BETWEEN_PAGES = 10.0
RUNS_IN_INDEX = 200
REASONS_SAID = 20

Fate = Callable[[str], str]


class Report:
    """
    :arg folder: the folder of the run.
    :arg kept: whether it is one of a folder of reports; otherwise it is temporary, and goes with the end of the run.
    """

    def __init__(self, folder: str, kept: bool) -> None:
        self.folder = Path(folder)
        self.kept = kept
        self._run = store.Run(self.folder)
        self.told = self._run.told()

    @classmethod
    def begin(cls, report_dir: str, playbook: str, hosts: Sequence[str], canary: str, check: bool) -> Report:
        """Begin the report of a run, and put its hosts in order.

        :arg report_dir: the folder of reports. Empty for a report that is said at the end, and not kept.
        :raises OSError: when the folder cannot be made.
        """
        reports = Path(report_dir).expanduser() if report_dir else Path(tempfile.mkdtemp(prefix="openwebui-postgres-"))
        past = store.past(reports, hosts) if playbook == "migrate" else {}
        order = waves.ordered(hosts, canary, past)
        rates = rates_of(store.moves(reports)) if playbook == "audit" else Rates()
        cls._complete_the_last(reports)
        run = store.Run.begin(reports, {"playbook": playbook, "check": check, "hosts": order, "rates": rates._asdict()})
        report = cls(str(run.folder), bool(report_dir))
        # Where all hosts of a wave are lost, Ansible ends without another word, so there is a page from the beginning.
        report._write_unless_fresh(_not_begun)
        return report

    @classmethod
    def _complete_the_last(cls, reports: Path) -> None:
        """Show all that the run before has noted: one that was killed has not come to it."""
        # Whatever is in an old folder, it keeps no new run from its work.
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            last = next(store.earlier_runs(reports), None)
            if last and last.told()["ended_at"] is None:
                cls(str(last.folder), kept=True)._write_unless_fresh(_not_begun, 0)

    @property
    def hosts(self) -> list[str]:
        """All hosts of the run, in their order."""
        return list(self.told["hosts"])

    @property
    def rates(self) -> Rates:
        """How long things took in earlier runs."""
        return Rates(**self.told["rates"])

    @property
    def page(self) -> Path | None:
        """Where the page is."""
        return self.folder / "report.html" if self.kept else None

    def note(self, record: dict[str, Any]) -> None:
        """Keep what came of a host, at once."""
        self._run.note(record)
        self._write_unless_fresh(_not_begun)

    def close_wave(self, wave: Sequence[str], fate: Fate) -> list[dict[str, Any]]:
        """Note that a wave has ended.

        :arg wave: its hosts, also those that were lost on the way.
        :arg fate: the state of a host that has noted nothing.
        :returns: the records of its hosts.
        """
        waves, now = self.told["waves"], time.time()
        is_short = bool(waves) and now - waves[-1]["closed_at"] <= SECONDS_BETWEEN_PAGES
        waves.append({"hosts": list(wave), "closed_at": now})
        records = self._records(wave, fate)
        self._write_unless_fresh(fate, SECONDS_BETWEEN_PAGES if is_short else 0)
        self._run.keep(self.told)
        return records

    def wave_summary(self, records: Sequence[dict[str, Any]]) -> str:
        """One line about the wave that has just been closed."""
        return table.wave_summary({"run": self.told, "hosts": list(records)}, len(self.told["waves"]) - 1)

    def end(self, fate: Fate, width: int) -> list[str]:
        """Note that the run has ended. What it returns is to be said on the terminal."""
        self.told["ended_at"] = time.time()
        whole = self._whole(fate)
        if self.kept:
            self._write(whole)
            self._run.keep(self.told)
        else:
            shutil.rmtree(self.folder.parent.parent, ignore_errors=True)
        records = whole["hosts"]
        if len(records) == 1:
            # A task that fails says why by itself. An audit that finds something does not; no task is left of a host that was lost.
            is_said = self.told["playbook"] != "audit" and states.failed(records[0]["state"]) and records[0]["state"] != "lost"
            return ([] if is_said else prose.lines(records[0])) + ([f"Report: {self.page}"] if self.kept else [])
        return [*table.table(whole, width, str(self.page or "")), *(self._reasons(records) if self.told["playbook"] == "audit" else [])]

    @staticmethod
    def _reasons(records: Sequence[dict[str, Any]]) -> list[str]:
        """In full what the notes of a table are cut from, as far as no task fails with it."""
        found = [f"{record['host']}: {reason}" for record in states.worst_first(records) for reason in record.get("reasons", [])]
        more = [f"and {len(found) - REASONS_SAID} more; the report has all of them"] if len(found) > REASONS_SAID else []
        return [*([""] if found else []), *found[:REASONS_SAID], *more]

    def _records(self, hosts: Sequence[str], fate: Fate) -> list[dict[str, Any]]:
        there = self._run.records(hosts)
        return [there.get(host) or self._without_result(host, fate(host)) for host in hosts]

    def _without_result(self, host: str, state: str) -> dict[str, Any]:
        playbook, check = self.told["playbook"], self.told["check"]
        record = {"host": host, "playbook": playbook, "check": check, "state": state, "note": states.STATES[state].words}
        if state == "lost":
            record["todo"] = [GOES_ON]
            self._run.note(record)
        return record

    def _whole(self, fate: Fate) -> dict[str, Any]:
        return {"run": self.told, "hosts": self._records(self.hosts, fate)}

    def _write_unless_fresh(self, fate: Fate, seconds: float = SECONDS_BETWEEN_PAGES) -> None:
        path = self.folder / "report.html"
        if self.kept and (not seconds or not path.exists() or time.time() - path.stat().st_mtime > seconds):
            self._write(self._whole(fate))

    def _write(self, whole: dict[str, Any]) -> None:
        _count(self.told, whole["hosts"])
        store.write(self.folder / "report.json", json.dumps(whole) + "\n")
        store.write(self.folder / "report.csv", table.csv_text(whole))
        store.write(self.folder / "report.html", page.render(whole))
        store.write(self.folder.parent.parent / "index.html", history.render(list(self._runs())))

    def _runs(self) -> Iterator[dict[str, Any]]:
        for _number, run in zip(range(RUNS_IN_INDEX), store.earlier_runs(self.folder.parent.parent)):
            try:
                told = self.told if run.folder == self.folder else run.told()
            except (OSError, ValueError):
                # Somebody's own folder, or one of a run that was killed before it had begun.
                continue
            if run.folder != self.folder and told.get("ended_at") is None:
                # It was killed, or another one is at work: what counts is what it has noted by now.
                _count(told, list(run.records(told.get("hosts", [])).values()))
            yield {"run": told, "counts": told.get("counts", {}), "rows": told.get("rows", 0)}


def _count(told: dict[str, Any], records: Sequence[dict[str, Any]]) -> None:
    """Keep with a run what its hosts come to."""
    told["counts"] = states.counts(records)
    told["rows"] = sum(record.get("rows") or 0 for record in records)


def _not_begun(host: str) -> str:
    """As far as anybody knows while others are at work."""
    return "pending"
