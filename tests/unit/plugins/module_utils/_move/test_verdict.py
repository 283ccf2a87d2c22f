# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said where source, new database and release do not belong together, to the letter."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.check import examine
from ansible_collections.openwebui.postgres.plugins.module_utils._move.verdict import COMMAND, NOBODY, Schema, faults, obstacles

HEAD, OLDER, OLD = "0bd252b206fb", "d4c1a8e37b62", "a5c220713937"
PATH = "/srv/webui.db"
AT_OLD = f"{PATH} is at revision {OLD} (Open WebUI 0.6.23 to 0.6.36), the database webui at "
IMAGE = Schema("webui", HEAD, image="open-webui:main", can_upgrade=True)
SERVICE = Schema("webui", HEAD)


def report(state: str, revision: str | None = OLD, first: str | None = "0.6.23", last: str | None = "0.6.36", **upgrade: Any) -> dict:
    releases = {} if first is None else {"first": first, "last": last}
    compared = {"state": state, "needed": state != "equal", "possible": True, "obstacles": [], "remnants": [], **upgrade}
    return {"revision": revision, "webui_versions": releases, "upgrade": compared}


@pytest.mark.parametrize("schema", [IMAGE, SERVICE])
def test_equals_belong_together(schema):
    assert obstacles(PATH, report("equal"), schema) == []
    assert obstacles(PATH, report("equal"), schema._replace(image_revision=HEAD)) == []


def test_an_older_file_is_upgraded_where_the_release_can_be_had_to():
    assert obstacles(PATH, report("older"), IMAGE) == []
    assert obstacles(PATH, report("older"), SERVICE) == [
        f"{AT_OLD}{HEAD}. Start that newer release once on SQLite, so that it upgrades {PATH}, and run again; or create an empty "
        "database, and have the release that runs here create its schema there. This collection upgrades a copy by itself where Open "
        "WebUI runs in a container."
    ]


@pytest.mark.parametrize("schema", [IMAGE, SERVICE])
def test_what_an_upgrade_would_fail_on_comes_first(schema):
    known = [{"message": "prompt: 2 commands"}, {"message": "group: 1 groups"}]
    assert obstacles(PATH, report("older", possible=False, obstacles=known), schema) == ["prompt: 2 commands", "group: 1 groups"]
    # And what shows that it is at its revision by name only.
    assert obstacles(PATH, report("equal", possible=False, obstacles=known[1:]), schema) == ["group: 1 groups"]


@pytest.mark.parametrize("state", ["newer", "unknown"])
@pytest.mark.parametrize(("pinned", "ends"), [(False, "run again."), (True, "run again, with webui_image at that release or a newer one.")])
def test_a_newer_file_is_refused(state, pinned, ends):
    found = report(state, "ffffffffffff", None, possible=False, obstacles=[{"message": "the file is newer"}])
    assert obstacles(PATH, found, IMAGE._replace(is_pinned=pinned)) == [
        f"{PATH} is at revision ffffffffffff (Open WebUI unknown to unknown), the database webui at {HEAD}. Both must be made by the "
        f"release of Open WebUI that runs here: create an empty database and {ends}"
    ]


@pytest.mark.parametrize(
    ("made_by", "advice"),
    [
        (COMMAND, "make webui_command_bootstrap write its schema into the database named in WEBUI_ENV_FILE."),
        (NOBODY, "create its schema there, or set webui_schema_bootstrap to true."),
        ("collection", "its migrations ended without an error, but there is no schema; see where they have created it."),
    ],
)
def test_without_a_schema(made_by, advice):
    found = report("equal", first="0.6.23", last=None)
    del found["upgrade"]
    assert obstacles(PATH, found, SERVICE._replace(revision="", made_by=made_by)) == [
        f"{PATH} is at revision {OLD} (Open WebUI 0.6.23 to unknown), the database webui at none. Both must be made by the release of Open "
        f"WebUI that runs here: {advice}"
    ]


@pytest.mark.parametrize("state", ["equal", "older", "newer"])
def test_a_schema_of_another_release_is_refused_whatever_the_file_is(state):
    assert obstacles(PATH, report(state), IMAGE._replace(revision=OLDER, image_revision=HEAD)) == [
        f"The database webui is at revision {OLDER}, but the image open-webui:main works with {HEAD}, so another release has created that "
        "schema. Create an empty database and run again."
    ]


def test_several_revisions_are_no_revision():
    (said,) = obstacles(PATH, report("older"), IMAGE._replace(revision=f"{HEAD}, {OLDER}", image_revision=HEAD))
    assert said.startswith(f"The database webui is at several revisions at once ({HEAD}, {OLDER}), ")
    assert said.endswith("Create an empty database and run again.")


def test_a_file_that_could_not_be_compared_has_its_finding_already():
    assert obstacles(PATH, {"revision": OLD, "webui_versions": {}}, IMAGE) == []


def test_a_copy_that_was_upgraded_properly():
    sound = {**report("equal", HEAD), "integrity": {"ok": True, "errors": []}}
    assert faults(PATH, sound, HEAD) == []


def test_a_copy_that_was_not():
    broken = {
        **report("older", None, obstacles=[{"message": "group: lost"}], remnants=["_alembic_tmp_prompt"]),
        "integrity": {"ok": False, "errors": ["row 1", "row 2"]},
    }
    assert faults(PATH, broken, HEAD) == [
        "The upgraded copy is damaged: row 1",
        "The upgraded copy is damaged: row 2",
        "The upgraded copy: group: lost",
        "Left in the upgraded copy by an upgrade that was not completed: _alembic_tmp_prompt",
        f"The upgraded copy is at revision none, not at {HEAD}. {PATH} is as it was.",
    ]
    del broken["upgrade"]
    assert [line for line in faults(PATH, broken, HEAD) if "upgrade that" in line] == []


def test_what_is_held_against_a_schema_is_what_an_examination_finds(make_source):
    path = make_source(f"UPDATE alembic_version SET version_num = '{OLD}'")
    found, _failure = examine(path, [], [], HEAD)
    assert obstacles(path, found, IMAGE) == []
    (said,) = obstacles(path, found, SERVICE)
    assert f"{path} is at revision {OLD} (Open WebUI " in said
    assert "unknown" not in said
    assert faults(path, found, HEAD) == [f"The upgraded copy is at revision {OLD}, not at {HEAD}. {path} is as it was."]
