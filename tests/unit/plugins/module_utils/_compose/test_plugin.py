# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plugin takes its place when it has shown that it works there, and every other file is said to be what it is."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._compose import plugin
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused

AMAZON = 'NAME="Amazon Linux"\nVERSION="2023"\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\n'
BY_HAND = (
    "put the file docker-compose-linux-x86_64 of https://github.com/docker/compose/releases at "
    "/usr/local/lib/docker/cli-plugins/docker-compose, mode 0755, or set webui_postgres_compose_plugin to it on the controller"
)


def elf(machine: int, little: bool = True) -> bytes:
    order = "little" if little else "big"
    return b"\x7fELF\x02" + (b"\x01" if little else b"\x02") + bytes(10) + (2).to_bytes(2, order) + machine.to_bytes(2, order)


def answering(path: Path, text: str) -> Path:
    """A plugin that answers this to everything."""
    path.write_text(f"#!{sys.executable}\nprint({text!r})\n")
    return path


def metadata(version: str = "v2.40.3", purpose: str = "Docker Compose") -> str:
    return json.dumps({"SchemaVersion": "0.1.0", "Vendor": "Docker Inc.", "Version": version, "ShortDescription": purpose})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cli-plugins" / "docker-compose"


def refusal(uploaded: Path, place: Path) -> str:
    with pytest.raises(Refused) as caught:
        plugin.put(str(uploaded), "files/docker-compose", str(place))
    (problem,) = caught.value.problems
    assert problem.kind == "compose"
    assert "\n" not in problem.message
    return problem.message


@pytest.mark.parametrize(
    ("os_release", "says"),
    [
        (AMAZON, f"Amazon Linux has no package of it: {BY_HAND}"),
        ("ID=ubuntu\nID_LIKE=debian\n", f"docker-compose-v2 of Ubuntu, or docker-compose-plugin of docker.com; or {BY_HAND}"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", "install the package docker-compose-v2 of Ubuntu"),
        ("ID=debian\n", f"install the package docker-compose-plugin of docker.com; or {BY_HAND}"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "install the package docker-compose-plugin of docker.com; or"),
        ("ID=alpine\n", f"where there is no package, as on Amazon Linux, {BY_HAND}"),
        ("", "docker-compose-plugin of docker.com, docker-compose-v2 of Ubuntu, or"),
    ],
)
def test_what_to_install_by_system(os_release, says):
    assert says in plugin.how_to_install(os_release, "x86_64")


def test_the_file_is_that_of_the_machine():
    assert "docker-compose-linux-aarch64" in plugin.how_to_install(AMAZON, "aarch64")
    assert "docker-compose-linux-armv7" in plugin.how_to_install(AMAZON, "armv7l")


def test_there_is_an_answer_on_this_system():
    assert plugin.PLACE in plugin.how_to_install_here()


@pytest.mark.parametrize(
    ("says", "enough"), [("2.18.0", True), ("v2.26.1-4", True), ("5.0", True), ("2.17.9", False), ("v1.29", False), ("", False)]
)
def test_the_oldest_that_will_do(says, enough):
    assert plugin.is_new_enough(says) is enough


@pytest.mark.parametrize(
    ("head", "machine", "other"),
    [
        (elf(62), "x86_64", ""),
        (elf(183), "aarch64", ""),
        (elf(183), "x86_64", "aarch64"),
        (elf(62), "aarch64", "x86_64"),
        (elf(22, little=False), "x86_64", "s390x"),
        (elf(40), "armv6l", ""),
        (elf(8), "x86_64", "machine type 8"),
        (b"#!/bin/sh", "x86_64", ""),
        (b"\x7fELF", "x86_64", ""),
        (b"", "x86_64", ""),
    ],
)
def test_for_which_machine_a_program_is(head, machine, other):
    assert plugin.wrong_machine(head, machine) == other


def test_a_program_for_another_machine_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(Refused) as caught:
        plugin.demand_machine("files/docker-compose", elf(183))
    assert str(caught.value) == (
        "files/docker-compose: is a program for aarch64, and this host is x86_64; use the file docker-compose-linux-x86_64 of "
        "https://github.com/docker/compose/releases"
    )
    plugin.demand_machine("files/docker-compose", elf(62))


def test_one_that_works_is_put_in_place(tmp_path, place):
    assert plugin.put(str(answering(tmp_path / "upload", metadata())), "x", str(place)) == "v2.40.3"
    assert place.stat().st_mode & 0o777 == 0o755
    assert [entry.name for entry in place.parent.iterdir()] == [place.name]
    assert plugin.ask(str(place), "x") == "v2.40.3"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (metadata("v2.17.3"), "files/docker-compose: is Docker Compose v2.17.3; use 2.18 or newer"),
        (metadata("v0.12.0", "Docker Buildx"), "is no Compose plugin (it is another plugin: Docker Buildx)"),
        (metadata(purpose=""), "it is another plugin: without a description"),
        ("Docker Compose version v2.40.3", "it does not answer as a plugin of the docker command does"),
        ("[]", "it does not answer as a plugin of the docker command does"),
        ("{}", "it does not answer as a plugin of the docker command does"),
        ("", "it does not answer as a plugin of the docker command does"),
    ],
)
def test_another_file_does_not_take_the_place_of_what_is_there(tmp_path, place, text, says):
    place.parent.mkdir()
    place.write_text("what is there")
    assert says in refusal(answering(tmp_path / "upload", text), place)
    assert place.read_text() == "what is there"
    assert [entry.name for entry in place.parent.iterdir()] == [place.name]


@pytest.mark.parametrize("content", [b"<html>Not Found</html>", b"\x7fELF" + bytes(60), b"\x1f\x8b\x08 an archive"])
def test_what_is_no_program(tmp_path, place, content):
    (tmp_path / "upload").write_bytes(content)
    assert "is no Compose plugin (it cannot be run: Exec format error)" in refusal(tmp_path / "upload", place)
    assert list(place.parent.iterdir()) == []


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    message = refusal(answering(tmp_path / "upload", metadata()), tmp_path / "file" / "docker-compose")
    assert "cannot be written" in message
    assert "run as root" in message


def test_how_a_file_compares(tmp_path, place):
    checksum = "0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33"
    assert plugin.look(str(place), checksum) == {"same": False, "mode_differs": False}
    place.parent.mkdir()
    place.write_text("foo")
    place.chmod(0o644)
    assert plugin.look(str(place), checksum) == {"same": True, "mode_differs": True}
    plugin.set_mode(str(place))
    assert plugin.look(str(place), checksum) == {"same": True, "mode_differs": False}
    place.write_text("bar")
    assert plugin.look(str(place), checksum)["same"] is False
    with pytest.raises(Refused, match="is no file"):
        plugin.look(str(place.parent), checksum)
