# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_sqlite_backup as Ansible calls it: options in, answer out."""

from __future__ import annotations

import os

import pytest
from ansible_collections.openwebui.postgres.plugins.modules.webui_sqlite_backup import main


def test_makes_one_and_then_no_other(call_module, make_source, tmp_path):
    options = {"path": make_source(), "dest": str(tmp_path / "backups")}
    rehearsal = call_module(main, options, check=True)
    assert rehearsal["changed"]
    assert not os.path.exists(options["dest"])
    made = call_module(main, options)
    assert made["changed"]
    assert made["tables"] == rehearsal["tables"]
    assert made["size_bytes"] == os.path.getsize(made["backup_file"])
    assert made["removed"] == []
    for check in (True, False):
        again = call_module(main, options, check=check)
        assert not again["changed"]
        assert again["backup_file"] == made["backup_file"]
        assert again["sha256"] == made["sha256"]


@pytest.mark.parametrize("keep", [0, -1])
def test_at_least_one_is_kept(call_module, make_source, tmp_path, keep):
    answer = call_module(main, {"path": make_source(), "dest": str(tmp_path / "backups"), "keep": keep})
    assert answer["failed"]
    assert answer["msg"] == f"keep is {keep}, but at least one backup has to be kept"
    assert (answer["problems"], answer["problems_total"]) == ([{"kind": "keep", "message": answer["msg"]}], 1)
    assert not (tmp_path / "backups").exists()


def test_a_refusal_is_one_line(call_module, tmp_path):
    answer = call_module(main, {"path": str(tmp_path / "missing.db"), "dest": str(tmp_path / "backups")})
    assert answer["failed"]
    assert answer["msg"] == f"{tmp_path}/missing.db: there is no such file; check the data folder of Open WebUI"
    assert answer["problems"] == [{"kind": "source", "message": answer["msg"]}]
