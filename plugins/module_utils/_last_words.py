# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program that failed has to say for itself: of all that it printed, the few lines that hold the reason.

The last lines are not those. SQLAlchemy prints the statement below the error, Rich prints the source code above it and breaks the error
in two, a shell prints nothing of use after it. And among all these are values of rows, which nobody must see.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator
from urllib.parse import quote

from ansible_collections.openwebui.postgres.plugins.module_utils._settings import MASK

MOST = 10
# Of a log that has no end: far enough back to find the error above the statement that it prints below.
LOOKED_AT = 400
# Beside the lines that hold an error: what the program said at its very end.
AT_THE_END = 3
LONGEST = 500
BROKEN_AT_LEAST = 50

_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_CREDENTIALS = re.compile(r"(?<=://)\S+@")

_CLASS = r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Group)\b|(?:[A-Za-z_]\w*\.)+[A-Z]\w*(?=: |$)"
_EXCEPTION = re.compile(f"(?P<class>{_CLASS})")
# Drivers and libraries whose messages name tables and columns, and no values but those that are taken out below.
_OF_A_DATABASE = re.compile(r"(?:psycopg2?|sqlite3|asyncpg)\.|(?:sqlalchemy\.exc\.|alembic\.|peewee\.)?\w*Error: \((?:psycopg2?|sqlite3)\.")
_ERROR = re.compile(
    r"\b(?:ERROR|CRITICAL|FATAL|PANIC|FAILED)\b|^HINT:"
    r"|(?i:permission denied|not permitted|access denied|authentication failed|connection refused|could not (?:connect|translate|open)"
    r"|no such file|not found|does not exist|no module named|no space left|out of memory|timed out|unable to open|^killed$|^error\b"
    r"|^(?:ba|da|z)?sh: )"
)
_UPGRADE = re.compile(r"Running upgrade\b.*")

# A value stands behind these words.
_VALUES = re.compile(
    r"(?P<words>invalid input (?:syntax|value) for [^:\"]*|(?:date/time field value |timestamp |interval )?out of range"
    r"|malformed \w+ literal|invalid \w+ literal[^:]*|invalid byte sequence for encoding \"\w+\"): .*"
)
_VALUE_BETWEEN = re.compile(r"\b(?P<words>value|integer|number) \".*\" (?=is\b|out\b)")

# What is never of use.
_FRAME = re.compile(
    r"\s*$|Traceback \(most recent call last\)|\s+File \"|    |\t|[│╭╰─❱]|\s*[\^~]+\s*$|LINE \d+:"
    r"|The above exception|During handling of|\(Background on this error"
)
# What begins with these may go on for lines, with anything in it, and ends where one of the others begins.
_DATA = re.compile(r"\[SQL: |\[SQL:$|\[parameters: |(?:[^\"]*\s)?(?:DETAIL|CONTEXT|STATEMENT|QUERY):|\s*\[?(?:type=.*)?input_value=")
_END_OF_STATEMENT = re.compile(r"\(Background on this error")
_END_OF_DETAIL = re.compile(r"\(Background on this error|The above exception|During handling of|Traceback \(most|\[SQL:|HINT:")


def last_words(output: str, secrets: Iterable[str] = (), rows: bool = False, most: int = MOST) -> list[str]:
    """The lines of an output that say why the program failed, or its last ones, where none does.

    :param secrets: what must not be shown, in any form.
    :param rows: the program worked on rows that people wrote, so that messages other than a database's may hold some of it.
    """
    lines = list(_lines(output))
    chosen = _chosen_strictly(lines) if rows else _chosen(lines, most)
    hidden = _forms(secrets)
    shown = list(dict.fromkeys(_shown(line, hidden) for line in chosen))
    return shown[-most:]


def _lines(output: str) -> Iterator[str]:
    """The lines that may be shown."""
    text = _COLOURS.sub("", output)
    lines = _visible(text)
    return (line for line in (_joined(lines) if "╰" in text else lines) if line)


def _visible(text: str) -> Iterator[str]:
    """Neither frames of a traceback nor statements, parameters and details; an empty line in place of each."""
    ends: re.Pattern[str] | None = None
    for raw in text.splitlines():
        line = raw.rstrip()
        if ends is not None and ends.match(line):
            ends = None
        if ends is None and _DATA.match(line):
            ends = _END_OF_STATEMENT if line.startswith("[") else _END_OF_DETAIL
        yield "" if ends is not None or _FRAME.match(line) else line


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Errors in one piece: Rich breaks what is longer than the terminal that it takes for given."""
    begun = ""
    for line in lines:
        is_error = _EXCEPTION.match(line) is not None
        if begun and line and not is_error:
            begun = f"{begun} {line}"
            continue
        if begun:
            yield begun
        begun = line if is_error and len(line) > BROKEN_AT_LEAST else ""
        if not begun:
            yield line
    yield begun


def _chosen(lines: list[str], most: int) -> list[str]:
    errors = [number for number, line in enumerate(lines) if _EXCEPTION.match(line) or _ERROR.search(line)]
    if not errors:
        return lines[-most:]
    end = range(max(0, len(lines) - AT_THE_END), len(lines))
    kept = sorted({*errors[-(most - AT_THE_END) :], *end})
    return [lines[number] for number in kept]


def _chosen_strictly(lines: list[str]) -> list[str]:
    """The step it failed at, the database's own words, and of other errors the class alone."""
    steps = [found[0] for found in map(_UPGRADE.search, lines) if found]
    chosen = steps[-1:]
    for line in lines:
        found = _EXCEPTION.match(line)
        if _OF_A_DATABASE.match(line) or re.match(r"(?:FAILED|sh): ", line):
            chosen.append(line)
        elif found:
            chosen.append(found["class"])
    return chosen


def _shown(line: str, hidden: list[str]) -> str:
    for secret in hidden:
        line = line.replace(secret, MASK)
    line = _CREDENTIALS.sub(f"{MASK}@", line)
    line = _VALUE_BETWEEN.sub(r"\g<words> ", _VALUES.sub(r"\g<words>", line))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _forms(secrets: Iterable[str]) -> list[str]:
    """The secrets as they are, as a URL has them, and as Python prints them. The longest first, since one may be part of another."""
    found: set[str] = set()
    for secret in map(str, secrets):
        found.update((secret, quote(secret, safe=""), quote(secret), repr(secret)[1:-1]))
    return sorted(found - {""}, key=lambda secret: (-len(secret), secret))
