# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an Open WebUI that was moved is still as it should be, in one look: its packages, its database, its data, and whether it serves.

What a run asks step by step, where one of the answers is no, it asks here at once, because for most hosts of a fleet all of them are yes.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.state import Service, serving, the_one
from ansible_collections.openwebui.postgres.plugins.module_utils._move.books import is_moved
from ansible_collections.openwebui.postgres.plugins.module_utils._move.request import Request
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.database import Wanted, provide
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, one_line


class Kept(NamedTuple):
    """How it should be.

    :ivar connection: the connection options of a module, with C(schema).
    :ivar sqlite_path: the file whose rows the database has to hold; empty where it is there no more.
    :ivar requirements: what has to be installed for this Python, in the words of pip.
    """

    connection: dict[str, Any]
    wanted: Wanted
    service: Service
    sqlite_path: str = ""
    requirements: Sequence[str] = ()


def amiss(asked: Asked, wish: Kept) -> list[str]:
    """What is not as it should be, one line for each; none where all is well. Changes nothing, and waits for nobody."""
    lacking = [f"{requirement} is not installed" for requirement in wish.requirements if not _is_installed(requirement)]
    if lacking:
        return lacking
    try:
        provide(wish.connection, None, wish.wanted, True)
        if wish.sqlite_path and not is_moved(Request(wish.sqlite_path, wish.connection, schema=wish.connection["schema"], live=True)):
            return [one_line(f"{wish.wanted.database} does not hold what {wish.sqlite_path} holds")]
        runtime, instance = the_one(asked)
        if instance.get("missing"):
            return ["Open WebUI is still to be made"]
        if not runtime.is_running(instance):
            return ["Open WebUI does not run"]
        serving(runtime, instance, wish.service, False, {})
    except Refused as refused:
        return [problem.message for problem in refused.problems]
    return []


def _is_installed(requirement: str) -> bool:
    """Whether this Python has such a package, in a version that will do. One without pip does not tell."""
    try:
        from importlib.metadata import version

        from pip._vendor.packaging.requirements import Requirement

        package = Requirement(requirement)
        return bool(package.specifier.contains(version(package.name), prereleases=True))
    except (ImportError, ValueError):
        return False
