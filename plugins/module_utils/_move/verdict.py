# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether source, new database and the release that runs belong together, and what to do where they do not.

The source is what :func:`assess` says of it. Here it is held against what only the operator's side knows: the schema found in the new
database, what the image works with, and who can create a schema or upgrade a file.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._move.upgrade import NEWER, OLDER, UNKNOWN

# Who creates the schema: nobody but the operator, the collection, or a command of the operator's.
NOBODY, COLLECTION, COMMAND = "nobody", "collection", "command"


class Schema(NamedTuple):
    """The new database, and the release that runs, as far as they are known.

    :ivar database: its name.
    :ivar revision: what was found in it; empty where there is no schema.
    :ivar image: the image that will run; empty where Open WebUI runs in no container.
    :ivar image_revision: the revision that the image works with; empty where it was not asked.
    :ivar can_upgrade: whether the release that will run can be had to upgrade a copy of the source.
    :ivar is_pinned: whether the operator names the image.
    :ivar made_by: who creates the schema.
    """

    database: str
    revision: str
    image: str = ""
    image_revision: str = ""
    can_upgrade: bool = False
    is_pinned: bool = False
    made_by: str = COLLECTION


def obstacles(path: str, report: dict[str, Any], schema: Schema) -> list[str]:
    """Name everything that stands in the way of a move into this schema, in the order of what has to be mended first.

    :param path: of the source.
    :param report: what the examination of the source has found, with C(upgrade) where there is a schema to hold it against.
    """
    both = _both(path, report, schema)
    if not schema.revision:
        return [f"{both} Both must be made by the release of Open WebUI that runs here: {_MISSING[schema.made_by]}."]
    if ", " in schema.revision:
        return [
            f"The database {schema.database} is at several revisions at once ({schema.revision}), which no release of Open WebUI leaves. "
            "Create an empty database and run again."
        ]
    if schema.image_revision and schema.image_revision != schema.revision:
        return [
            f"The database {schema.database} is at revision {schema.revision}, but the image {schema.image} works with "
            f"{schema.image_revision}, so another release has created that schema. Create an empty database and run again."
        ]
    # A file that is damaged is not compared, and whoever asked has that finding already.
    upgrade = report.get("upgrade")
    if upgrade is None:
        return []
    if upgrade["state"] in (NEWER, UNKNOWN):
        at_that_release = ", with webui_image at that release or a newer one" if schema.is_pinned else ""
        return [
            f"{both} Both must be made by the release of Open WebUI that runs here: create an empty database and run again"
            f"{at_that_release}."
        ]
    if not upgrade["possible"]:
        return [obstacle["message"] for obstacle in upgrade["obstacles"]]
    if upgrade["state"] == OLDER and not schema.can_upgrade:
        return [
            f"{both} Start that newer release once on SQLite, so that it upgrades {path}, and run again; or create an empty database, and "
            "have the release that runs here create its schema there. This collection upgrades a copy by itself where Open WebUI runs in a "
            "container."
        ]
    return []


_MISSING = {
    COMMAND: "make webui_command_bootstrap write its schema into the database named in WEBUI_ENV_FILE",
    NOBODY: "create its schema there, or set webui_schema_bootstrap to true",
    COLLECTION: "its migrations ended without an error, but there is no schema; see where they have created it",
}


def _both(path: str, report: dict[str, Any], schema: Schema) -> str:
    releases = report["webui_versions"]
    first, last = (releases.get(which) or "unknown" for which in ("first", "last"))
    return (
        f"{path} is at revision {report['revision']} (Open WebUI {first} to {last}), the database {schema.database} at "
        f"{schema.revision or 'none'}."
    )


def faults(original: str, report: dict[str, Any], to: str) -> list[str]:
    """Name what shows that an upgraded copy is not what the release would have made of the file.

    :param original: the file that was copied.
    :param report: what the examination of the copy has found.
    """
    upgrade = report.get("upgrade") or {"obstacles": [], "remnants": []}
    found = [f"The upgraded copy is damaged: {error}" for error in report.get("integrity", {}).get("errors", [])]
    found += [f"The upgraded copy: {obstacle['message']}" for obstacle in upgrade["obstacles"]]
    found += [f"Left in the upgraded copy by an upgrade that was not completed: {table}" for table in upgrade["remnants"]]
    if report["revision"] != to:
        found.append(f"The upgraded copy is at revision {report['revision'] or 'none'}, not at {to}. {original} is as it was.")
    return found
