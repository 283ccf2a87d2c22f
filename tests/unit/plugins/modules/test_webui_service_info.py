# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_service_info as Ansible calls it: options in, answer out."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.openwebui.postgres.plugins.modules.webui_service_info import main

SYSTEMCTL = """\
#!/bin/sh
echo Id=chat.service
echo LoadState=loaded
echo ActiveState=inactive
echo Environment=DATA_DIR=/srv/data TOKEN=t0k3n
"""


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl of our own, first on the PATH."""
    path = tmp_path / "systemctl"
    path.write_text(SYSTEMCTL)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return path


@pytest.mark.parametrize("check", [True, False])
def test_it_looks(call_module, systemctl, check):
    answer = call_module(main, {"unit": "chat"}, check=check)
    assert not answer.get("changed")
    assert (answer["service"]["name"], answer["service"]["running"]) == ("chat.service", False)
    assert answer["service"]["data_dir"] == "/srv/data"
    assert "environment" not in answer


def test_the_environment_is_told_when_asked_for(call_module, systemctl):
    answer = call_module(main, {"unit": "chat", "environment": True})
    assert answer["environment"] == {"DATA_DIR": "/srv/data", "TOKEN": "t0k3n"}


def test_a_unit_that_is_not_there(call_module, systemctl):
    systemctl.write_text("#!/bin/sh\necho LoadState=not-found\n")
    assert call_module(main, {})["service"] == {}


def test_a_host_without_systemd(call_module, systemctl):
    systemctl.write_text("#!/bin/sh\nexit 1\n")
    assert call_module(main, {})["service"] == {}
