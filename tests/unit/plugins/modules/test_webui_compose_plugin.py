# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module asks for the file only where it is needed, and check mode tells without doing."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest
from ansible_collections.openwebui.postgres.plugins.modules import webui_compose_plugin

PLUGIN = f"#!{sys.executable}\nprint({json.dumps({'Version': 'v2.30.0', 'ShortDescription': 'Docker Compose'})!r})\n".encode()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "lib" / "docker" / "cli-plugins" / "docker-compose"


@pytest.fixture
def run(call_module, place, tmp_path):
    def call(uploaded: bool = False, check: bool = False, content: bytes = PLUGIN) -> dict:
        args = {"src": "files/plugin", "path": str(place), "checksum": hashlib.sha1(content).hexdigest(), "head": content[:64].hex()}
        if uploaded:
            (tmp_path / "upload").write_bytes(content)
            args["uploaded"] = str(tmp_path / "upload")
        return call_module(webui_compose_plugin.main, args, check=check)

    return call


def test_first_it_asks_then_it_does_then_it_is_content(run, place):
    for check in (True, False):
        answer = run(check=check)
        assert (answer["changed"], answer["needs_upload"], answer["version"]) == (True, True, "")
        assert not place.parent.exists()
    done = run(uploaded=True)
    assert (done["changed"], done["version"], done["path"]) == (True, "v2.30.0", str(place))
    for check in (True, False):
        again = run(check=check)
        assert (again["changed"], again["version"], "needs_upload" in again) == (False, "v2.30.0", False)


def test_a_lost_mode_is_put_right(run, place):
    run(uploaded=True)
    place.chmod(0o644)
    assert run(check=True)["changed"] is True
    assert place.stat().st_mode & 0o777 == 0o644
    assert run()["changed"] is True
    assert place.stat().st_mode & 0o777 == 0o755


def test_another_content_is_replaced(run, place):
    run(uploaded=True)
    newer = PLUGIN.replace(b"v2.30.0", b"v2.31.0")
    assert run(content=newer)["needs_upload"] is True
    assert run(uploaded=True, content=newer)["version"] == "v2.31.0"
    assert place.read_bytes() == newer


@pytest.mark.parametrize("check", [True, False])
def test_a_program_for_another_machine_is_refused_before_it_is_copied(run, place, check):
    foreign = b"\x7fELF\x02\x01" + bytes(12) + (8).to_bytes(2, "little") + bytes(44)
    answer = run(content=foreign, check=check)
    assert answer["failed"]
    assert answer["problems"][0]["kind"] == "compose"
    assert "is a program for machine type 8" in answer["msg"]
    assert not place.parent.exists()
