# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Emptying tables, and who is in the way of that.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import re

from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import in_words, is_row_fault
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg
    from psycopg import sql


def empty(target: Target, names: list[str]) -> None:
    """Empty these tables. TRUNCATE leaves nothing to be cleaned up, also undone.

    :raises Refused: when a trigger does not let it happen.
    """
    statement = sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(target.name(name) for name in names))
    try:
        with target.connection.transaction():
            target.connection.execute(statement)
    except psycopg.Error as error:
        if not is_row_fault(error):
            raise
        raise _not_emptied(target, names, error) from None


def _not_emptied(target: Target, names: list[str], error: psycopg.Error) -> Refused:
    """The server names a function at best. By that, find the trigger and the table that it is on."""
    triggers = target.emptying_triggers(names)
    context = error.diag.context or ""
    guilty = [trigger for trigger in triggers if re.search(rf"\b{re.escape(trigger[2])}\b", context)] or triggers
    tables = sorted({table for table, _name, _function in guilty})
    problem = in_words(error, f"emptying {', '.join(tables) or 'the tables'}")
    advice = ", ".join(f"{name} on {table}" for table, name, _function in guilty)
    if guilty:
        problem = problem._replace(message=f"{problem.message}; drop or disable for the migration: trigger {advice}", table=tables[0])
    return Refused([problem])
