# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_source_info as Ansible calls it: options in, answer out."""

from __future__ import annotations

import pytest
from ansible_collections.openwebui.postgres.plugins.modules.webui_source_info import main


def test_before_and_after_the_stop(call_module, make_source, start_writer):
    path = make_source(journal_mode="wal")
    writer = start_writer(path)
    for check in (True, False):
        before = call_module(main, {"path": path, "runtime": "command", "running": True}, check=check)
        assert (before["changed"], before["evidence"], before["findings"], before["in_use"]) == (False, "open", [], True)
    writer.kill()
    noted = {name: str(before[name]) for name in ("real_path", "device", "inode")}
    after = call_module(main, {"path": path, "runtime": "command", "noted": noted})
    assert (after["evidence"], after["findings"], after["in_use"]) == ("none", [], False)


def test_a_container(call_module, make_source, fake):
    fake.containers[fake.run()]["State"] = {"Status": "exited", "Running": False, "Pid": 0}
    answer = call_module(main, {"path": make_source(), "runtime": "container", "name": "open-webui", "docker_host": fake.host})
    assert (answer["evidence"], answer["findings"]) == ("none", [])
    assert fake.changes == []


def test_a_unit_where_there_is_none(call_module, make_source, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    answer = call_module(main, {"path": make_source(), "runtime": "systemd", "name": "no-such-unit.service"})
    assert (answer["evidence"], answer["findings"]) == ("none", [])


@pytest.mark.parametrize("runtime", ["container", "systemd"])
def test_a_name_is_asked_for(call_module, tmp_path, runtime):
    answer = call_module(main, {"path": f"{tmp_path}/webui.db", "runtime": runtime})
    assert answer["failed"]
    assert "name" in answer["msg"]


def test_an_engine_that_does_not_answer(call_module, tmp_path):
    options = {"path": f"{tmp_path}/webui.db", "runtime": "container", "name": "open-webui", "docker_host": f"unix://{tmp_path}/none"}
    answer = call_module(main, options)
    assert answer["failed"]
    assert answer["problems"] == [{"kind": "engine", "message": answer["msg"]}]
