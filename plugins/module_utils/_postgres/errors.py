# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL complains of, in words of our own: its own messages and details hold values of rows.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from typing import Any, Iterator

from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, Refused

# Where it is missing, the module says so before anything here is called.
with suppress(ImportError):
    import psycopg

TOO_LARGE = "54000"
FULL_DISK = "the server's disk is full; make room there"
_INTO_AN_INDEX = "a value is too long for an index; a b-tree takes 2,704 bytes after compression"

# The most telling prefix comes first: the first one that fits is taken.
_SQLSTATES = {
    "08": "the connection to PostgreSQL was lost",
    "0A": "the server does not support what the target's schema asks for",
    "22001": "a text is longer than its column allows",
    "22003": "a number does not fit its column",
    "22012": "a function or an index of the target divides by zero",
    "22021": "a text holds bytes that PostgreSQL does not take",
    "22P02": "a value does not fit the type of its column",
    "22P05": "a JSON value holds \\u0000 or half a surrogate pair where an index looks into it",
    "22": "a value is not one that its column, or an index or a function of the target, takes",
    "23502": "a NULL in a column that is NOT NULL",
    "23503": "a foreign key is violated",
    "23505": "a unique index is violated",
    "23514": "a check constraint is violated",
    "23P01": "an exclusion constraint is violated",
    "23": "a constraint of the target is violated",
    "25006": "the server or the session is read-only",
    "25P03": "the server ended the session because it was idle",
    "25P04": "the server ended the session because the transaction took too long",
    "40": "the server rolled the transaction back because of what other sessions do; stop what uses the database",
    "42501": "the role lacks a privilege",
    "42": "a trigger, a default or an index of the target refers to something that is not there, or not by its full name",
    "44": "the check option of a view is violated",
    "53100": "the server's disk is full",
    "53200": "the server is out of memory",
    "53300": "the server has no free connection",
    "53400": "a limit that the server is configured with was reached",
    "53": "the server has no resources left",
    "54001": "a value is nested deeper than the server's max_stack_depth allows",
    "54": "a row, or a value of it, is larger than the table or one of its indexes can take",
    "55P03": "a table of the target is locked by another session; stop what uses the database",
    "55": "a table of the target is not in a state to be written to",
    "57014": "the server cancelled a statement",
    "57P05": "the server ended the session because it was idle",
    "57P": "the server shut the connection down",
    "58": "the server cannot read or write a file of its own",
    "F0": "the server's configuration is locked",
    "P0": "a trigger or function of the target refuses it",
    "3": "a trigger or function of the target fails",
    "XX": "the server reports an internal error or damaged data; look into its log",
}

# By the server's own function that raised it: its messages may be in any language.
_LIMITS = {
    "_bt": "a value is too long for a b-tree index, which takes 2,704 bytes after compression",
    "gin": "a value is too long for a GIN index",
    "Gin": "a value is too long for a GIN index",
    "gist": "a value is too long for a GiST index",
    "spg": "a value is too long for an SP-GiST index",
    "SpGist": "a value is too long for an SP-GiST index",
    "_hash": "a value is too long for a hash index",
    "hash": "a value is too long for a hash index",
    "brin": "a value is too long for a BRIN index",
    "index_form": _INTO_AN_INDEX,
    "RelationGetBuffer": "the row is wider than a page of the server takes",
    "raw_heap": "the row is wider than a page of the server takes",
    "heap_": "the row is wider than a page of the server takes",
    "tsvector": "a text is too long for full text search",
    "make_tsvector": "a text is too long for full text search",
}

# What is not about a row, so that no other row would fare better.
_NO_ROW_FAULTS = ("08", "25", "40", "53", "55", "57", "58", "F0", "XX", "42501")


def is_row_fault(error: psycopg.Error) -> bool:
    """Whether the server refuses a row, by itself or by a trigger or function of the schema."""
    return error.sqlstate is not None and not error.sqlstate.startswith(_NO_ROW_FAULTS)


def _says(error: psycopg.Error, name: str) -> str:
    return getattr(error.diag, name, None) or ""


def index_of(error: psycopg.Error) -> str | None:
    """The index or constraint that the server names. Some access methods name it in the message alone."""
    named = _says(error, "constraint_name")
    if not named and error.sqlstate == TOO_LARGE:
        found = re.search(r'index "([^"]+)"', _says(error, "message_primary"))
        named = found.group(1) if found else ""
    return named or None


def concerns_an_index(error: psycopg.Error) -> bool:
    """Whether a value is too long for an index, and the server does not say for which."""
    return error.sqlstate == TOO_LARGE and index_of(error) is None and "index" in reason(error)


def reason(error: psycopg.Error, index: str | None = None) -> str:
    """Why, and by which constraint, index, column or function.

    :param index: the index, where it is known from elsewhere.
    """
    state = error.sqlstate or ""
    words = None
    if state == TOO_LARGE:
        source = _says(error, "source_function")
        words = next((limit for prefix, limit in _LIMITS.items() if source.startswith(prefix)), None)
    words = words or next((text for prefix, text in _SQLSTATES.items() if state.startswith(prefix)), None)
    words = words or "the server, or a trigger or function of the target, refuses it"
    # Only what is a name of the schema: everything else in a context may be a value.
    function = re.search(r"^PL/\w+[- ]\w+ ([\w.\"]+)\(", _says(error, "context"), re.MULTILINE)
    places = [index or index_of(error) or _says(error, "column_name"), f"function {function.group(1)}" if function else ""]
    named = ", ".join(filter(None, places))
    return words + (f" ({named})" if named else "")


def in_words(error: psycopg.Error, doing: str) -> Problem:
    """An error of PostgreSQL as one line without any value of a row."""
    if error.sqlstate is None:
        return Problem("connection", f"the connection to PostgreSQL was lost while {doing}")
    return Problem(
        "server",
        f"{reason(error)} while {doing} (SQLSTATE {error.sqlstate})",
        _says(error, "table_name") or None,
        _says(error, "column_name") or None,
    )


def guard(doing: str) -> Any:
    """Turn errors of PostgreSQL inside the block into a refusal in our own words."""

    @contextmanager
    def guarded() -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise Refused([in_words(error, doing)]) from None

    return guarded()
