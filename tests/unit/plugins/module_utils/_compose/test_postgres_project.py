# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project of a PostgreSQL by Docker Compose: made once, whole, at any moment of it killed, and without a word of a secret."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._compose import postgres_project
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.postgres_project import (
    MARK,
    Layout,
    Project,
    note_up,
    provide,
    read_passwords,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused

TEMPLATE = Path(__file__).parents[5] / "roles" / "webui_postgres" / "templates" / "compose.yaml.j2"
CONTENT = f"# {MARK}\nname: pg\n"


class FakeEngine:
    """An engine that, like Docker, takes any name of a network twice."""

    def __init__(self) -> None:
        self.networks: list[dict[str, str]] = []

    def get(self, path: str) -> list[dict[str, str]]:
        assert path == "/networks"
        return list(self.networks)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, str]:
        assert path == "/networks/create"
        self.networks.append({"Name": body["Name"], "Id": f"id-{len(self.networks)}"})
        return self.networks[-1]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "opt" / "pg"
    return Project(Layout(str(folder), "second/owner"), str(folder / "data"), 18, "pg", True, CONTENT)


def mode(path: object) -> int:
    return stat.S_IMODE(os.stat(str(path)).st_mode)


def all_below(folder: Path) -> dict[str, tuple[int, str]]:
    """Every folder and file with its mode and content; what a password is differs from one to the next."""
    return {
        str(path.relative_to(folder)): (mode(path), path.read_text() if path.is_file() and path.parent.name != "secrets" else "")
        for path in folder.rglob("*")
    }


WHOLE = {
    "opt": (0o700, ""),
    "opt/pg": (0o700, ""),
    "opt/pg/compose.yaml": (0o644, CONTENT),
    "opt/pg/data": (0o755, ""),
    "opt/pg/secrets": (0o700, ""),
    "opt/pg/secrets/owner-second%2Fowner": (0o600, ""),
    "opt/pg/secrets/superuser": (0o600, ""),
}


def test_makes_all_and_a_second_time_nothing(engine, project, tmp_path):
    umask = os.umask(0o077)
    try:
        made = provide(engine, project, False)
    finally:
        os.umask(umask)
    assert all_below(tmp_path) == WHOLE
    assert (made["changed"], made["passwords"], made["network_id"]) == (True, True, "id-0")
    before = all_below(tmp_path), {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    for check in (True, False):
        again = provide(engine, project, check)
        assert (again["changed"], again["passwords"]) == (False, False)
        assert all(shown["before"] == shown["after"] for shown in again["diff"])
    assert (all_below(tmp_path), {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}) == before
    assert len(engine.networks) == 1


def test_a_rehearsal_tells_and_makes_nothing(engine, project, tmp_path):
    told = provide(engine, project, True)
    assert (told["changed"], told["passwords"], told["network_id"]) == (True, True, None)
    assert list(tmp_path.iterdir()) == []
    assert engine.networks == []
    folder = project.layout.project_dir
    assert told["diff"][0]["after"] == {
        folder: "folder, mode 0700",
        f"{folder}/secrets": "folder, mode 0700",
        f"{folder}/data": "folder, mode 0755",
        "network pg": "there",
        f"{folder}/secrets/superuser": "made up",
        f"{folder}/secrets/owner-second%2Fowner": "made up",
    }
    assert set(told["diff"][0]["before"].values()) == {"absent"}
    assert (told["diff"][1]["before"], told["diff"][1]["after"]) == ("", CONTENT)
    # It is what then happens.
    made = provide(engine, project, False)
    assert made["diff"] == told["diff"]


def test_no_secret_is_in_what_is_returned(engine, project):
    made = provide(engine, project, False)
    passwords = read_passwords(project.layout)
    secrets = [passwords["superuser_password"], passwords["owner_password"]]
    assert [len(secret) for secret in secrets] == [40, 40]
    assert secrets[0] != secrets[1]
    assert [secret for secret in secrets if secret in json.dumps(made)] == []


class Killed(BaseException):
    """As by SIGKILL: nothing that waits for an error gets to see it, but for what ends with the process."""


STEPS = ("mkdir", "chmod", "fchmod", "link", "unlink", "replace", "fsync")


def killed_at(monkeypatch, number: int, after: bool) -> None:
    """The process ends before, or just after, the step of that number."""
    counted = [0]

    def stepping(real):
        def step(*arguments, **named):
            counted[0] += 1
            if counted[0] > number or (counted[0] == number and not after):
                raise Killed
            answer = real(*arguments, **named)
            if counted[0] == number:
                raise Killed
            return answer

        return step

    for name in STEPS:
        monkeypatch.setattr(postgres_project.os, name, stepping(getattr(os, name)))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_step_a_repeat_leads_to_the_same_end(tmp_path, after):
    number = 0
    while True:
        number += 1
        place = tmp_path / str(number)
        place.mkdir()
        folder = place / "opt" / "pg"
        project = Project(Layout(str(folder), "second/owner"), str(folder / "data"), 18, "pg", True, CONTENT)
        engine = FakeEngine()
        with pytest.MonkeyPatch.context() as patches:
            killed_at(patches, number, after)
            try:
                provide(engine, project, False)
                completed = True
            except Killed:
                completed = False
        if completed:
            break
        kept = read_passwords(project.layout)
        provide(engine, project, False)
        found = {name: facts for name, facts in all_below(place).items() if "/secrets/.secret-" not in name}
        assert found == WHOLE, number
        assert len(engine.networks) == 1
        # What was made up is kept: something may have been made with it already.
        then = read_passwords(project.layout)
        assert {name: then[name] for name, secret in kept.items() if secret} == {name: secret for name, secret in kept.items() if secret}
        assert provide(engine, project, False)["changed"] is False, number
    # Folders, passwords and the file are several steps each.
    assert number > 15


def test_many_at_once_make_one_project(engine, project, tmp_path):
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(lambda _number: provide(engine, project, False), range(16)))
    assert all_below(tmp_path) == WHOLE
    assert len(engine.networks) == 1
    assert {answer["network_id"] for answer in answers} == {"id-0"}


def test_a_folder_that_somebody_else_makes_between_two_looks_is_as_good(engine, project, monkeypatch):
    folder = Path(project.data_dir)
    isdir = os.path.isdir

    def late(path):
        there = isdir(path)
        folder.mkdir(parents=True, exist_ok=True)
        return there

    monkeypatch.setattr(os.path, "isdir", late)
    provide(engine, project, False)
    assert mode(folder) == 0o755


def test_a_file_that_differs_is_replaced_and_shown(engine, project):
    provide(engine, project, False)
    changed = project._replace(content=CONTENT + "x-more: true\n")
    for check in (True, False):
        answer = provide(engine, changed, check)
        assert (answer["changed"], answer["passwords"]) == (True, False)
        assert answer["diff"][0] == {"before": {}, "after": {}}
        assert (answer["diff"][1]["before"], answer["diff"][1]["after"]) == (CONTENT, changed.content)
        assert (Path(project.layout.compose_file).read_text() == CONTENT) is check


def test_modes_are_put_right_but_for_the_data_folder(engine, project):
    provide(engine, project, False)
    layout = project.layout
    for path in (layout.project_dir, layout.secrets, project.data_dir):
        os.chmod(path, 0o777)
    os.chmod(layout.owner_file, 0o644)
    os.chmod(layout.compose_file, 0o600)
    answer = provide(engine, project, False)
    assert answer["changed"]
    assert answer["passwords"] is False
    assert [mode(path) for path in (layout.project_dir, layout.secrets, project.data_dir)] == [0o700, 0o700, 0o777]
    assert [mode(layout.owner_file), mode(layout.compose_file)] == [0o600, 0o644]
    assert provide(engine, project, False)["changed"] is False


@pytest.mark.parametrize(("version", "expected"), [(17, 0o700), (18, 0o755), (19, 0o755)])
def test_the_data_folder_is_as_the_image_wants_it(engine, project, tmp_path, version, expected):
    elsewhere = tmp_path / "srv" / "postgresql"
    provide(engine, project._replace(version=version, data_dir=str(elsewhere)), False)
    assert mode(elsewhere) == expected
    assert not Path(project.data_dir).exists()


def test_a_password_of_the_operators_is_not_made_up(engine, project):
    made = provide(engine, project._replace(makes_up_owner=False), False)
    assert not Path(made["owner_file"]).exists()
    assert read_passwords(project.layout)["owner_password"] == ""


def test_passwords_that_are_not_there_are_empty(project):
    assert read_passwords(project.layout) == {
        "project_dir": project.layout.project_dir,
        "owner": "second/owner",
        "superuser_password": "",
        "owner_password": "",
    }


@pytest.mark.parametrize("name", ["project_dir", "secrets", "owner_file", "superuser_file", "compose_file"])
def test_what_is_in_its_place_is_named(engine, project, name):
    path = Path(getattr(project.layout, name))
    path.parent.mkdir(parents=True, exist_ok=True)
    if name in ("project_dir", "secrets"):
        path.write_text("something else\n")
    else:
        path.mkdir()
    for check in (True, False):
        with pytest.raises(Refused) as caught:
            provide(engine, project, check)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        assert "; " in message


def test_a_file_above_it_is_left_alone(engine, project, tmp_path):
    (tmp_path / "opt").write_text("something else\n")
    (tmp_path / "opt").chmod(0o640)
    with pytest.raises(Refused, match="cannot be made"):
        provide(engine, project, False)
    assert (mode(tmp_path / "opt"), (tmp_path / "opt").read_text()) == (0o640, "something else\n")


def test_it_is_noted_once_that_the_server_works(tmp_path):
    path = tmp_path / "initialised"
    assert note_up(str(path), True)
    assert not path.exists()
    assert note_up(str(path), False)
    assert mode(path) == 0o644
    for check in (True, False):
        assert not note_up(str(path), check)
    assert os.listdir(tmp_path) == ["initialised"]


def test_the_role_marks_what_it_makes():
    assert f"# {MARK} " in TEMPLATE.read_text(encoding="utf-8")
