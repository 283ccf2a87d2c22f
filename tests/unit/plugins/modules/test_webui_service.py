# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_service as Ansible calls it: options in, answer out, no secret in it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from ansible_collections.openwebui.postgres.plugins.modules import webui_service
from ansible_collections.openwebui.postgres.plugins.modules.webui_service import main

PASSWORD = "p@ss/w:rd %41#?'\"\\ $HOME ~`"
KEY = "k3y-of-the-walk"
URL = f"postgresql://web:{quote(PASSWORD, safe='')}@db/o"
SECRETS = (PASSWORD, URL, quote(PASSWORD, safe=""), json.dumps(PASSWORD)[1:-1], KEY)

# It goes by the drop-in that is there, as systemd does once it has read its units.
SYSTEMCTL = """\
#!/bin/sh
[ "$1" = daemon-reload ] && exit {code}
echo Id=chat.service
echo LoadState=loaded
echo ActiveState=inactive
[ -e {drop_in} ] && echo DropInPaths={drop_in}
echo Environment=DATA_DIR=/srv/data TOKEN=t0k3n
sed -n 's/^EnvironmentFile=/EnvironmentFiles=/p; /^UnsetEnvironment=/p' {drop_in} 2>/dev/null
exit 0
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host: its systemctl and systemd-run come first on the PATH, and its places are below this folder."""
    programs = tmp_path / "bin"
    programs.mkdir()
    drop_in = tmp_path / "units" / "chat.service.d" / "zz-openwebui-postgres.conf"
    texts = {
        "systemctl": SYSTEMCTL.format(code=0, drop_in=drop_in),
        "systemd-run": f'#!/bin/sh\ncat {tmp_path}/etc/*.bootstrap >&2\nexit "$(cat {tmp_path}/code)"\n',
        "python": '#!/bin/sh\necho \'{"package": "/opt/open_webui", "version": "1", "drivers": []}\'\n',
    }
    for name, text in texts.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (tmp_path / "code").write_text("0")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(webui_service, "UNITS", str(tmp_path / "units"))
    monkeypatch.setattr(webui_service, "OUR_FOLDER", str(tmp_path / "etc"))
    return tmp_path


@pytest.fixture
def options(folder: Path) -> dict:
    env = {"DATABASE_URL": URL, "DATABASE_POOL_SIZE": 1, "DATABASE_ENABLE_IAM_TOKEN_AUTH": False, "DATABASE_SCHEMA": None}
    return {"unit": "chat", "state": "switched", "env": env, "python": str(folder / "bin" / "python"), "secret_key": KEY}


def without_secrets(answer: dict) -> dict:
    said = json.dumps(answer, ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in said or json.dumps(secret)[1:-1] in said] == []
    return answer


def test_there_and_back(call_module, folder, options):
    rehearsal = without_secrets(call_module(main, options, check=True, diff=True))
    assert not (folder / "etc").exists()
    switched = without_secrets(call_module(main, options, diff=True))
    assert switched == rehearsal
    # Not a digit of it is blanked out, though 1 is a value of a secret option.
    assert (switched["changed"], switched["switched"], switched["stale"]) == (True, True, False)
    assert switched["database"] == {"kind": "postgresql", "where": "db:5432/o", "set_by": ["DATABASE_URL"]}
    assert switched["diff"]["after"]["env"]["WEBUI_SECRET_KEY"] == "set"
    lines = (folder / "etc" / "chat.service.env").read_text().splitlines()
    assert {'DATABASE_POOL_SIZE="1"', 'DATABASE_ENABLE_IAM_TOKEN_AUTH="false"', 'DATABASE_SCHEMA=""', f'WEBUI_SECRET_KEY="{KEY}"'} <= set(
        lines
    )
    again = call_module(main, options)
    assert (again["changed"], "diff" in again) == (False, False)
    back = without_secrets(call_module(main, {**options, "state": "restored"}))
    assert (back["changed"], back["database"]["where"]) == (True, "/srv/data/webui.db")
    assert list((folder / "units").iterdir()) == []
    assert not (folder / "etc").exists()


def test_finalized(call_module, options):
    call_module(main, options)
    answer = without_secrets(call_module(main, {**options, "state": "finalized"}))
    assert (answer["changed"], answer["switched"]) == (False, True)


@pytest.mark.parametrize("code", [0, 1])
def test_bootstrapped(call_module, folder, options, code):
    """What it prints, its env file and all, is told without a secret, and only where it fails."""
    (folder / "code").write_text(str(code))
    answer = without_secrets(call_module(main, {**options, "state": "bootstrapped"}))
    if code:
        assert answer["msg"].startswith(f"{options['python']} failed to create Open WebUI's schema in o. Its last words: ")
        assert [problem["kind"] for problem in answer["problems"]] == ["command"]
        assert "t0k3n" not in answer["msg"]
    else:
        assert answer["changed"]
    assert not (folder / "etc").exists()


def test_settings_are_needed(call_module, options):
    del options["env"]
    for state in ("switched", "bootstrapped"):
        answer = call_module(main, {**options, "state": state})
        assert answer["msg"] == f"state is {state} but all of the following are missing: env"


def test_a_refusal_is_one_line(call_module, folder, options):
    (folder / "bin" / "systemctl").write_text("#!/bin/sh\necho LoadState=not-found\n")
    answer = without_secrets(call_module(main, options))
    assert answer["msg"] == "chat: systemd has no such unit, or cannot load it; correct webui_systemd_unit, see systemctl status"
    assert answer["problems"] == [{"kind": "service", "message": answer["msg"]}]
    assert answer["problems_total"] == 1


def test_a_systemd_that_refuses(call_module, folder, options):
    script = SYSTEMCTL.format(code=4, drop_in="/nowhere").replace("&& exit", "&& echo Access denied >&2 && exit")
    (folder / "bin" / "systemctl").write_text(script)
    answer = without_secrets(call_module(main, options))
    assert answer["msg"].startswith("systemctl daemon-reload failed with return code 4 and said: Access denied; ")
