# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a unit of systemd says about an Open WebUI, and how its env files are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils import _settings
from ansible_collections.openwebui.postgres.plugins.module_utils._instance import service as _service

PACKAGE = "/opt/chat/lib/python3.12/site-packages/open_webui"


class Host:
    """Answers for systemctl, journalctl and the service's Python."""

    def __init__(self, **properties: str | list[str]) -> None:
        self.properties = {"Id": "chat.service", "LoadState": "loaded", "ActiveState": "active", **properties}
        self.told = {"package": PACKAGE, "version": "0.12.4", "drivers": ["psycopg2"]}
        self.log = ""
        self.asked: list[tuple[str, str]] = []

    def __call__(self, command: list[str], user: str = "", environment: dict[str, str] | None = None) -> tuple[int, str]:
        if command[0] == "systemctl":
            lines = ((name, [value] if isinstance(value, str) else value) for name, value in self.properties.items())
            return 0, "".join(f"{name}={value}\n" for name, values in lines for value in values)
        if command[0] == "journalctl":
            return 0, self.log
        self.asked.append((command[0], user))
        return 0, json.dumps(self.told)

    def look(self, python: str = "", log_lines: int = 0) -> dict:
        return _service.info(self, "chat", python, False, log_lines)["service"]


def starting(command: str) -> str:
    return f"{{ path={command.split()[0]} ; argv[]={command} ; ignore_errors=no ; start_time=[n/a] ; pid=0 }}"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program as pip writes it."""
    path = tmp_path / "bin" / "open-webui"
    path.parent.mkdir()
    path.write_text("#!/opt/chat/bin/python3.12\nimport sys\n")
    return path


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nB = two words \n", {"A": "1", "B": "two words"}),
        ("# A=1\n; A=2\n\n  A=3\r\n", {"A": "3"}),
        ('A=\'s $x \\ "\'\nB="a \\" \\$ \\` \\\\ \\n"', {"A": 's $x \\ "', "B": 'a " $ ` \\ \\n'}),
        ("A=a\\\nb\nB=\"c\\\nd\"\nC='e\nf'", {"A": "ab", "B": "cd", "C": "e\nf"}),
        ("A=pre'mid'\"post\"  # no comment here", {"A": "premidpost  # no comment here"}),
        ("A=\nB=''\n=x\n1A=2\n", {"A": "", "B": ""}),
        ("A=1\nA=2\nexport B=3\n", {"A": "2", "B": "3"}),
        ("# joined \\\nA=1\nB=2\n", {"B": "2"}),
    ],
)
def test_env_files_are_read_as_systemd_does(text: str, values: dict[str, str]) -> None:
    assert _settings.parse_env_file(text) == values


def test_files_override_the_unit_and_later_ones_the_earlier(tmp_path: Path) -> None:
    for name, text in {"one.env": "A=one\nB=one\nD=one\n", "two.env": "B=two\n"}.items():
        (tmp_path / name).write_text(text)
    listed = [f"{tmp_path}/*.env (ignore_errors=no)", f"{tmp_path}/none (ignore_errors=yes)"]
    files = _service.env_files(listed)
    assert files == [f"{tmp_path}/one.env", f"{tmp_path}/two.env"]
    found = _service.environment(['A=unit "C=with space"'], files, ["D", "B=other"])
    assert found == {"A": "one", "B": "two", "C": "with space"}


def test_a_service_of_pip(program: Path) -> None:
    host = Host(
        User="chat", WorkingDirectory="/srv/chat", Environment="DATA_DIR=/srv/data", ExecStart=starting(f"{program} serve --port 9000")
    )
    found = host.look()
    assert found["python"] == "/opt/chat/bin/python3.12"
    assert host.asked == [("/opt/chat/bin/python3.12", "chat")]
    assert (found["user"], found["running"], found["working_directory"]) == ("chat", True, "/srv/chat")
    assert (found["data_dir"], found["sqlite_path"]) == ("/srv/data", "/srv/data/webui.db")
    assert found["database"] == {"kind": "sqlite", "where": "/srv/data/webui.db", "set_by": []}
    assert found["health_url"] == "http://127.0.0.1:9000/health"
    assert found["secret_key"] == {"from": "none", "path": ""}


def test_without_a_data_folder_it_is_the_package_s(program: Path) -> None:
    found = Host(ExecStart=starting(f"{program} serve")).look()
    assert found["data_dir"] == f"{PACKAGE}/data"
    assert found["database"]["where"] == f"{PACKAGE}/data/webui.db"
    assert (found["user"], found["working_directory"]) == ("root", "/")


@pytest.mark.parametrize(
    ("url", "kind", "where"),
    [
        ("sqlite:////srv/x.db", "sqlite", "/srv/x.db"),
        ("sqlite:///x.db?timeout=5", "sqlite", "/srv/chat/x.db"),
        ("postgresql://u:p%40ss@db:5432/chat?sslmode=require", "postgresql", "db:5432/chat"),
        ("sqlite+sqlcipher:////srv/x.db", "other", "/srv/x.db"),
    ],
)
def test_the_database_that_is_set(program: Path, url: str, kind: str, where: str) -> None:
    found = Host(WorkingDirectory="/srv/chat", Environment=f'"DATABASE_URL={url}"', ExecStart=starting(f"{program} serve")).look()
    assert found["database"] == {"kind": kind, "where": where, "set_by": ["DATABASE_URL"]}
    assert "p%40ss" not in json.dumps(found)


@pytest.mark.parametrize(
    ("url", "path", "finding"),
    [
        ("sqlite:////srv/x/webui.db", "/srv/x/webui.db", ""),
        ("sqlite:///webui.db", "/srv/chat/webui.db", ""),
        ("sqlite:////srv/x/webui.db", "/srv/data/webui.db", "Open WebUI uses /srv/x/webui.db, but webui_sqlite_path is /srv/data/"),
        ("sqlite:///webui.db", "/srv/data/webui.db", "Open WebUI uses /srv/chat/webui.db, but webui_sqlite_path is /srv/data/"),
        ("sqlite://", "/srv/data/webui.db", "chat.service keeps its database in memory"),
    ],
)
def test_another_file_than_the_one_in_use_is_named(program: Path, url: str, path: str, finding: str) -> None:
    variables = f'"DATABASE_URL={url}" DATA_DIR=/srv/data'
    host = Host(WorkingDirectory="/srv/chat", Environment=variables, ExecStart=starting(f"{program} serve"))
    found = _service.info(host, "chat", "", False, 0, path)["service"]["findings"]
    assert [text.startswith(finding) for text in found] == ([True] if finding else [])


def test_after_a_move_the_file_from_before_is_still_told(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_service, "OUR_FOLDER", str(tmp_path))
    (tmp_path / "chat.env").write_text('DATABASE_URL="postgresql://u:p@db/chat"\n')
    host = Host(
        Environment="DATABASE_URL=sqlite:////srv/x.db",
        EnvironmentFiles=f"{tmp_path}/chat.env (ignore_errors=no)",
        ExecStart=starting(f"{program} serve"),
    )
    found = host.look()
    assert (found["database"]["kind"], found["sqlite_path"]) == ("postgresql", "/srv/x.db")


@pytest.mark.parametrize(
    ("command", "url"),
    [
        ("serve", "http://127.0.0.1:8080/health"),
        ("serve --host=0.0.0.0 --port=${CHAT_PORT}", "http://127.0.0.1:9001/health"),
        ("serve --host 192.0.2.7 --port 1 --port 2", "http://192.0.2.7:2/health"),
        ("serve --host ::1", "http://[::1]:8080/health"),
    ],
)
def test_where_it_answers(program: Path, command: str, url: str) -> None:
    host = Host(Environment="CHAT_PORT=9001 PORT=7", ExecStart=starting(f"{program} {command}"))
    assert host.look()["health_url"] == url


def test_a_script_of_one_s_own_looks_at_port(tmp_path: Path) -> None:
    script = tmp_path / "start.sh"
    script.write_text("#!/bin/bash\nexec uvicorn open_webui.main:app\n")
    found = Host(Environment="PORT=9002", ExecStart=starting(str(script))).look(python="/opt/chat/bin/python")
    assert (found["health_url"], found["python"]) == ("http://127.0.0.1:9002/health", "/opt/chat/bin/python")


@pytest.mark.parametrize(
    "text",
    [
        "#!/opt/chat/bin/python\nx\n",
        "#! /opt/chat/bin/python -E\nx\n",
        "#!/bin/sh\n'''exec' '/opt/chat/bin/python' \"$0\" \"$@\"\n' '''\n",
        "#!/bin/sh\n'''exec' /opt/chat/bin/python \"$0\" \"$@\"\n' '''\n",
    ],
)
def test_the_python_is_in_the_first_line(program: Path, text: str) -> None:
    program.write_text(text)
    assert Host(ExecStart=starting(f"{program} serve")).look()["python"] == "/opt/chat/bin/python"


def test_the_python_may_be_started_itself() -> None:
    assert Host(ExecStart=starting("/opt/chat/bin/python3 -m uvicorn open_webui.main:app")).look()["python"] == "/opt/chat/bin/python3"


def test_no_python_is_guessed(tmp_path: Path) -> None:
    launcher = tmp_path / "uvx"
    launcher.write_bytes(b"\x7fELF" * 20000)
    host = Host(ExecStart=starting(f"{launcher} open-webui@latest serve"))
    found = host.look()
    assert (found["python"], found["data_dir"], found["database"]["where"], found["drivers"]) == ("", "", "", [])
    assert host.asked == []


def test_a_python_without_open_webui_is_none(program: Path) -> None:
    host = Host(ExecStart=starting(f"{program} serve"))
    host.told = {"package": "", "version": "", "drivers": []}
    assert host.look()["python"] == ""


def test_the_file_that_open_webui_reads_itself(program: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://db/chat\nOTHER=1\n")
    host = Host(ExecStart=starting(f"{program} serve"))
    host.told["package"] = str(tmp_path / "backend" / "open_webui")
    found = host.look()
    assert found["dotenv"] == {"path": str(tmp_path / ".env"), "sets": ["DATABASE_URL"]}
    assert found["database"]["where"] == "db:5432/chat"


def test_the_secret_key(program: Path, tmp_path: Path) -> None:
    (tmp_path / ".webui_secret_key").write_text("made-up-key")
    command = starting(f"{program} serve")
    host = Host(WorkingDirectory=str(tmp_path), ExecStart=command)
    host.log = "INFO: hello\nkey made-up-key\n"
    found = host.look(log_lines=5)
    assert found["secret_key"] == {"from": "file", "path": f"{tmp_path}/.webui_secret_key"}
    assert found["log"] == ["INFO: hello", "key ********"]
    assert Host(Environment="WEBUI_SECRET_KEY=k", ExecStart=command).look()["secret_key"]["from"] == "env"


@pytest.mark.parametrize("properties", [{"LoadState": "not-found"}, {"LoadState": "masked"}])
def test_no_unit(properties: dict[str, str]) -> None:
    assert Host(**properties).look() == {}


def test_no_systemd() -> None:
    assert _service.info(lambda *arguments, **options: (127, ""), "chat", "", True, 0) == {"service": {}}


def test_the_environment_is_told_when_asked_for(program: Path) -> None:
    host = Host(Environment="A=1", ExecStart=starting(f"{program} serve"))
    assert _service.info(host, "chat", "", True, 0)["environment"] == {"A": "1"}
