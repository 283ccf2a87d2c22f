# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files Compose reads, where ours go, and what they hold."""

from __future__ import annotations

import os

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._compose import files as _compose_files
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.files import (
    BLANK,
    Files,
    Noted,
    is_as,
    override_file,
    remove,
    settings_file,
    settings_in,
    write,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused

HARD = "p@ss/w:rd %41#?'\"\\ $HOME ${x} $$ é 😀 \x85"


@pytest.fixture
def files(tmp_path):
    """files("compose.yaml", …): the files of a project that was made from these."""

    def look(*names, asked="", env_files=(), there=True):
        for name in names if there else ():
            (tmp_path / name).touch()
        paths = [str(tmp_path / name) for name in names]
        return Files(Noted("project", "chat", str(tmp_path), paths, list(env_files)), str(tmp_path / asked) if asked else "")

    return look


@pytest.mark.parametrize(
    ("main", "override"),
    [
        ("compose.yaml", "compose.override.yaml"),
        ("compose.yml", "compose.override.yml"),
        ("docker-compose.yml", "docker-compose.override.yml"),
        ("docker-compose.yaml", "docker-compose.override.yaml"),
    ],
)
def test_the_override_file_that_compose_reads_by_itself(files, tmp_path, main, override):
    found = files(main)
    assert found.override == str(tmp_path / override)
    assert found.settings == str(tmp_path / "openwebui-postgres.secret.yaml")
    assert found.read_by_default
    assert found.no_place() == []
    assert found.by_hand == []
    assert found.gone() == ""


@pytest.mark.parametrize(
    "names", [["chat.yaml"], ["compose.yaml", "more.yaml"], ["sub/compose.yaml"], ["chat.yaml", "compose.override.yaml"]]
)
def test_one_that_it_would_not_read(files, tmp_path, names):
    (tmp_path / "sub").mkdir()
    [message] = files(*names).no_place()
    assert "was started with a list of files of its own" in message
    assert "set webui_instance_compose_override to its path" in message


@pytest.mark.parametrize(
    "line",
    [
        "COMPOSE_FILE=compose.yaml:last.yaml",
        "COMPOSE_FILE=./compose.yaml:sub/../last.yaml",
        "export COMPOSE_FILE = 'compose.yaml:last.yaml'  # all of it\r",
        'COMPOSE_FILE="compose.yaml:last.yaml"',
        "COMPOSE_FILE=old.yaml\nCOMPOSE_FILE=compose.yaml:last.yaml # the last one counts",
        "COMPOSE_PATH_SEPARATOR=;\nCOMPOSE_FILE=compose.yaml;last.yaml",
    ],
)
def test_a_list_in_an_env_file(files, tmp_path, line):
    (tmp_path / ".env").write_text(f"A=b\n{line}\n")
    (tmp_path / "last.yaml").write_text(BLANK)
    found = files("compose.yaml", asked="last.yaml")
    assert found.listed == [str(tmp_path / "compose.yaml"), str(tmp_path / "last.yaml")]
    assert found.no_place() == []
    assert found.by_hand == []
    [message] = files("compose.yaml").no_place()
    assert "(compose.yaml, last.yaml)" in message


def test_an_env_file_of_another_name(files, tmp_path):
    (tmp_path / "prod.env").write_text("COMPOSE_FILE=chat.yaml\n")
    found = files("chat.yaml", env_files=[str(tmp_path / "prod.env")])
    assert f"COMPOSE_FILE (in {tmp_path}/prod.env)" in found.no_place()[0]


def test_no_list(files, tmp_path):
    (tmp_path / ".env").write_text("#COMPOSE_FILE=a.yaml\nMY_COMPOSE_FILE=b.yaml\nCOMPOSE_FILE=\nCOMPOSE_PROJECT_NAME=other\n")
    found = files("compose.yaml")
    assert (found.listed, found.read_by_default, found.no_place()) == ([], True, [])


@pytest.mark.parametrize("name", ["compose.override.yaml", "docker-compose.override.yml"])
def test_an_override_file_of_the_user(files, tmp_path, name):
    (tmp_path / name).write_text("services: {}\n")
    [message] = files("compose.yaml").no_place()
    assert message.startswith(f"There is {tmp_path}/{name} already, which is not touched.")


def test_files_named_by_hand(files, tmp_path):
    (tmp_path / "last.yaml").write_text(BLANK)
    found = files("chat.yaml", asked="last.yaml")
    assert found.no_place() == []
    assert found.by_hand == [str(tmp_path / "chat.yaml"), str(tmp_path / "last.yaml")]
    assert files("chat.yaml", "last.yaml", asked="last.yaml").by_hand == found.by_hand


def test_one_that_was_asked_for_and_is_not_read(files, tmp_path):
    (tmp_path / "last.yaml").write_text(BLANK)
    [message] = files("compose.yaml", asked="last.yaml").no_place()
    assert f"Docker Compose does not read {tmp_path}/last.yaml by itself. Add it to COMPOSE_FILE in {tmp_path}/.env" in message
    assert files("compose.yaml", asked="compose.override.yml").no_place() == []


@pytest.mark.parametrize(
    ("text", "blank"), [("", True), ("# mine\nservices: {}\n", True), ("services:\n", True), ("services:\n  a: {}\n", False)]
)
def test_one_that_holds_something_else(files, tmp_path, text, blank):
    (tmp_path / "compose.override.yml").write_text(text)
    messages = files("compose.yaml", asked="compose.override.yml").no_place()
    assert ("holds something else" in "".join(messages)) != blank


def test_a_project_that_is_gone(files, tmp_path):
    assert files("compose.yaml", there=False).gone() == str(tmp_path / "compose.yaml")
    assert Files(Noted("p", "s", "/data/compose/5", ["/data/compose/5/docker-compose.yml"], []), "").gone() == "/data/compose/5"
    assert Files(Noted("p", "s", "", [], []), "").gone() == "(none)"
    assert Files(Noted("p", "s", str(tmp_path), [], []), "").gone() == str(tmp_path)


def test_settings_come_back_as_they_were(files):
    settings = {"DATABASE_URL": HARD, "EMPTY": "", "b": "1", 'odd"name': "x"}
    text = settings_file("chat", settings)
    assert settings_in(text) == settings
    # Half of a character would be none to YAML, and the last one would end the line.
    assert "\\ud83d" not in text
    assert "\\u0085" in text


def test_settings_of_earlier_releases():
    earlier = 'services:\n  "chat":\n    environment:\n      "WEBUI_SECRET_KEY": "k\\u00e9y $$x"\n'
    assert settings_in(earlier) == {"WEBUI_SECRET_KEY": "kéy $x"}


@pytest.mark.parametrize("text", ["", "services: {}\n", '      "A": "\\x"\n'])
def test_no_settings(text):
    assert settings_in(text) == {}


def test_the_override_file(files):
    found = files("compose.yaml")
    text = override_file(found, "./s$.yaml", ["default", "pg"], ["pg"], "img:$1", True)
    assert text == (
        "# Written by openwebui.postgres for the service chat.\n"
        "# Your own Compose files are as they were. The file that this one extends holds the database settings; only its owner can\n"
        "# read it. Both are written anew by the next run.\n"
        'services:\n  "chat":\n    extends:\n      file: "./s$$.yaml"\n      service: "chat"\n    image: "img:$$1"\n'
        '    networks:\n      "default": {}\n      "pg": {priority: -1}\n'
        'networks:\n  "pg":\n    name: "pg"\n    external: true\n'
    )


def test_a_file_is_whole_and_belongs_to_whom_it_should(tmp_path, monkeypatch):
    owner = os.stat(tmp_path)
    path = tmp_path / "file"
    write(str(path), "é\n", 0o600, owner)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("é\n", 0o600)
    assert is_as(str(path), "é\n", 0o600, owner)
    assert not is_as(str(path), "other", 0o600, owner)
    assert not is_as(str(path), "é\n", 0o644, owner)
    assert not is_as(str(tmp_path / "none"), "", 0o600, owner)

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_compose_files.os, "fsync", full)
    with pytest.raises(Refused, match=f"{path}: cannot be written \\(No space left on device\\)"):
        write(str(path), "new", 0o600, owner)
    assert path.read_text() == "é\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_link_stays_one(tmp_path):
    (tmp_path / "real").touch()
    (tmp_path / "link").symlink_to("real")
    write(str(tmp_path / "link"), "x", 0o600, os.stat(tmp_path))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "x"


def test_what_cannot_be_read(tmp_path, files):
    (tmp_path / ".env").mkdir()
    with pytest.raises(Refused, match="cannot be read"):
        files("compose.yaml")


def test_what_a_killed_run_has_left_beside_a_file_goes_with_the_next_one(tmp_path):
    """It holds the password. What is beside another file is not ours to remove."""
    path = tmp_path / "openwebui-postgres.secret.yaml"
    left, others = tmp_path / f".{path.name}.openwebui-postgres-a1b2c3d4", tmp_path / ".other.yaml.openwebui-postgres-a1b2c3d4"
    for do in (lambda: write(str(path), "services: {}\n", 0o600, os.stat(tmp_path)), lambda: remove(str(path))):
        left.write_text("password")
        others.write_text("")
        do()
        assert (left.exists(), others.exists()) == (False, True)
    assert not path.exists()
