# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How this collection says what is wrong: one line each, structured, and never with a row's content.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# More than this helps nobody at 2 a.m.; the total is always told.
LISTED_AT_MOST = 1000
KEY_LENGTH = 60
KEYS_SHOWN = 5


class Problem(NamedTuple):
    """One reason why the work cannot be done, with the place it was found at.

    ``kind`` is a stable word for programs (C(orphan), C(value), C(column), ...), ``message`` one line for people.
    ``key`` is the primary key of the row, as text, where there is a row to name.
    """

    kind: str
    message: str
    table: str | None = None
    column: str | None = None
    key: str | None = None
    rule: str | None = None

    def as_result(self) -> dict[str, str]:
        """The problem as a module returns it: only the fields that say something."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Refused(Exception):
    """The work was not done, and nothing was changed. Holds every reason that is known, not only the first."""

    def __init__(self, problems: list[Problem], total: int | None = None) -> None:
        self.problems = problems
        self.total = len(problems) if total is None else total
        super().__init__(summary(problems, self.total))


def refuse(kind: str, message: str, **place: str | None) -> Refused:
    """A refusal for a single reason, ready to be raised."""
    return Refused([Problem(kind, one_line(message), **place)])


def one_line(message: str) -> str:
    """A message on one line, also where a table's name has others: SQLite takes everything for a name."""
    if message.isprintable():
        return message
    return "".join(part if part.isprintable() else part.encode("unicode_escape", "backslashreplace").decode() for part in message)


def summary(problems: list[Problem], total: int | None = None) -> str:
    """All problems in one line: the first three in words, the rest as a number."""
    total = len(problems) if total is None else total
    shown = "; ".join(problem.message for problem in problems[:3])
    return shown if total <= 3 else f"{shown}; and {total - 3} more (see problems)"


def key_text(values: tuple[object, ...]) -> str:
    """A row's primary key as one short line of text."""
    parts = [value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value) for value in values]
    text = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in ", ".join(part[: KEY_LENGTH + 1] for part in parts)
    )
    return text if len(text) <= KEY_LENGTH else text[: KEY_LENGTH - 1] + "…"


class Tally:
    """Values that need attention, counted by table, column and rule, with the keys of the first rows of each."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str | None, ...], dict[str, Any]] = {}

    def add(self, table: str | None, column: str | None, rule: str, key: str | None) -> None:
        """Count one more value."""
        group = self._groups.get((table, column, rule))
        if group is None:
            group = {"table": table, "column": column, "rule": rule, "rows": 0, "sample_keys": []}
            self._groups[table, column, rule] = group
        group["rows"] += 1
        if len(group["sample_keys"]) < KEYS_SHOWN:
            group["sample_keys"].append(key)

    def groups(self) -> list[dict[str, Any]]:
        """The groups, in the order in which they were met."""
        return list(self._groups.values())


class Findings:
    """Problems as they are found: all are counted, the first ones are kept.

    :ivar values: those of them that are about the value of a column.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.total = 0
        self.values = Tally()

    def add(self, kind: str, message: str, **place: str | None) -> None:
        """Note a problem."""
        self.total += 1
        problem = Problem(kind, one_line(message), **place)
        if len(self.problems) < LISTED_AT_MOST:
            self.problems.append(problem)
        if problem.rule is not None:
            self.values.add(problem.table, problem.column, problem.rule, problem.key)

    def extend(self, problems: list[Problem]) -> None:
        """Note problems that were put into words elsewhere."""
        for problem in problems:
            self.add(**problem._asdict())

    def refuse_if_any(self) -> None:
        """:raises Refused: with all of them, when there is any."""
        if self.total:
            raise self.refusal()

    def refusal(self) -> Refused:
        """All of them, ready to be raised."""
        return Refused(self.problems, self.total)
