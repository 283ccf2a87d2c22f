# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network is made once, however many want it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import EngineError
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.network import provide
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused


class FakeEngine:
    """An engine that, like Docker, takes any name twice."""

    def __init__(self, *names: str) -> None:
        self.networks = [{"Name": name, "Id": f"id-{number}"} for number, name in enumerate(names)]

    def get(self, path: str) -> list[dict[str, str]]:
        assert path == "/networks"
        return list(self.networks)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, str]:
        assert path == "/networks/create"
        time.sleep(0.01)
        made = {"Name": body["Name"], "Id": f"id-{len(self.networks)}"}
        self.networks.append(made)
        return made


def test_makes_one_and_no_other(tmp_path):
    engine = FakeEngine("bridge", "pg-other")
    assert provide(engine, "pg", str(tmp_path), True) == (True, None)
    assert provide(engine, "pg", str(tmp_path), False) == (True, "id-2")
    for check in (True, False):
        assert provide(engine, "pg", str(tmp_path), check) == (False, "id-2")
    assert len(engine.networks) == 3


def test_many_at_once_make_one(tmp_path):
    engine = FakeEngine("bridge")
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(lambda _number: provide(engine, "pg", str(tmp_path), False), range(16)))
    assert [network["Name"] for network in engine.networks] == ["bridge", "pg"]
    assert {identity for _changed, identity in answers} == {"id-1"}
    assert sum(changed for changed, _identity in answers) == 1


def test_one_that_somebody_else_makes_meanwhile_is_as_good(tmp_path, monkeypatch):
    engine = FakeEngine()

    def late(path, body):
        engine.networks.append({"Name": body["Name"], "Id": "theirs"})
        raise EngineError(409, "network with name pg already exists")

    monkeypatch.setattr(engine, "post", late)
    assert provide(engine, "pg", str(tmp_path), False) == (True, "theirs")


def test_what_the_engine_refuses_is_said(tmp_path, monkeypatch):
    engine = FakeEngine()

    def refuse(path, body):
        raise EngineError(500, "the Docker Engine says: could not find an available address pool")

    monkeypatch.setattr(engine, "post", refuse)
    with pytest.raises(Refused, match="could not find an available address pool"):
        provide(engine, "pg", str(tmp_path), False)


def test_several_of_a_name_are_refused(tmp_path):
    engine = FakeEngine("pg", "bridge", "pg")
    with pytest.raises(Refused, match="there are 2 Docker networks called pg; remove all but the one in use"):
        provide(engine, "pg", str(tmp_path), False)


def test_the_folder_to_lock_has_to_be_there(tmp_path):
    with pytest.raises(Refused, match=r"missing: cannot be locked \(No such file or directory\)"):
        provide(FakeEngine(), "pg", str(tmp_path / "missing"), False)
