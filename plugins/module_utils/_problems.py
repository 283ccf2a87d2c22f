# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How this collection says what is wrong: one line each, structured, and never with a row's content.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import NamedTuple

# More than this helps nobody at 2 a.m.; the total is always told.
LISTED_AT_MOST = 1000
KEY_LENGTH = 120


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
    return Refused([Problem(kind, message, **place)])


def summary(problems: list[Problem], total: int | None = None) -> str:
    """All problems in one line: the first three in words, the rest as a number."""
    total = len(problems) if total is None else total
    shown = "; ".join(problem.message for problem in problems[:3])
    return shown if total <= 3 else f"{shown}; and {total - 3} more (see problems)"


def key_text(values: tuple[object, ...]) -> str:
    """A row's primary key as one short line of text."""
    parts = [value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value) for value in values]
    text = ", ".join(part.replace("\n", "\\n").replace("\x00", "\\0") for part in parts)
    return text if len(text) <= KEY_LENGTH else text[: KEY_LENGTH - 1] + "…"
