# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_container_info as Ansible calls it: options in, answer out."""

from __future__ import annotations

from ansible_collections.openwebui.postgres.plugins.modules.webui_container_info import main
from lab.fake_engine import frames


def test_finds_it(call_module, fake):
    container = fake.run()
    fake.logs[container] = frames((1, b"one\ntwo\n"))
    for check in (True, False):
        answer = call_module(main, {"docker_host": fake.host, "log_lines": 1}, check=check)
        assert not answer.get("changed")
        assert [(found["id"], found["log"]) for found in answer["containers"]] == [(container, ["two"])]
        assert "secret_key" not in answer
    assert fake.changes == []


def test_the_key_is_told_when_asked_for(call_module, fake):
    fake.run()
    answer = call_module(main, {"docker_host": fake.host, "name": "open-webui", "secret_key": True})
    assert answer["secret_key"] == "t0p-s3cret-of-the-walk"


def test_a_refusal_is_one_line(call_module, tmp_path):
    answer = call_module(main, {"docker_host": f"unix://{tmp_path}/none"})
    assert answer["failed"]
    assert answer["msg"].startswith(f"{tmp_path}/none: there is no such socket; ")
    assert answer["problems"] == [{"kind": "engine", "message": answer["msg"]}]
