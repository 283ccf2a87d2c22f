# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection asks of a controller, in the files that pip and ansible-builder read, and in the example of an image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.paths import ROOT
from packaging.requirements import Requirement

IMAGE = ROOT / "docs" / "examples" / "execution-environment" / "execution-environment.yml"
# A package, and for which systems: "git [platform:rpm platform:debian]".
BINDEP = re.compile(r"[a-z0-9][a-z0-9+.-]*(?: \[platform:[a-z0-9-]+(?: platform:[a-z0-9-]+)*\])?")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


GALAXY = read(ROOT / "galaxy.yml")
ANSIBLE = read(ROOT / "meta" / "runtime.yml")["requires_ansible"]
DEPENDENCIES = read(ROOT / "meta" / "execution-environment.yml")["dependencies"]


def lines(name: str) -> list[str]:
    """What the file asks for, without comments."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def oldest(requirement: Requirement) -> str:
    return next(part.version for part in requirement.specifier if part.operator in (">=", "~=", "=="))


def test_every_file_that_is_named_is_there() -> None:
    assert set(DEPENDENCIES) == {"python", "system"}
    assert [name for name in DEPENDENCIES.values() if not (ROOT / name).is_file()] == []


def test_python_packages_can_be_read_and_none_is_pinned() -> None:
    packages = [Requirement(line) for line in lines(DEPENDENCIES["python"])]
    assert packages
    assert [str(package) for package in packages if any(part.operator in ("==", "===", "<") for part in package.specifier)] == []


def test_ansible_is_as_old_as_is_promised_everywhere() -> None:
    (package,) = (Requirement(line) for line in lines(DEPENDENCIES["python"]) if line.startswith("ansible-core"))
    promised = Requirement(f"ansible-core{ANSIBLE}")
    assert promised.specifier.contains(oldest(package))
    assert package.specifier.contains(oldest(promised))
    assert f"| ansible-core | {oldest(package)} or newer" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_system_packages_can_be_read() -> None:
    packages = lines(DEPENDENCIES["system"])
    assert packages
    assert [line for line in packages if not BINDEP.fullmatch(line)] == []


@pytest.mark.parametrize("line", ["openssh-clients [platform:rpm", "Git", "git [rpm]", "git; curl"])
def test_a_system_package_that_cannot_be_read_is_noticed(line: str) -> None:
    assert not BINDEP.fullmatch(line)


def test_each_kind_of_system_has_packages() -> None:
    systems = set(re.findall(r"platform:(\w+)", " ".join(lines(DEPENDENCIES["system"]))))
    assert systems == {"rpm", "dpkg"}


def test_the_example_of_an_image_installs_this_version_on_an_ansible_that_it_works_with() -> None:
    image = read(IMAGE)
    archive = f"{GALAXY['namespace']}-{GALAXY['name']}-{GALAXY['version']}.tar.gz"
    assert image["version"] == 3
    assert image["dependencies"]["galaxy"]["collections"] == [{"name": f"files/{archive}", "type": "file"}]
    assert image["additional_build_files"] == [{"src": f"files/{archive}", "dest": "files"}]
    wanted = Requirement(image["dependencies"]["ansible_core"]["package_pip"])
    assert Requirement(f"ansible-core{ANSIBLE}").specifier.contains(oldest(wanted))


def test_examples_name_the_version_that_there_is() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "examples").rglob("*.yml")]
    named = re.findall(r"(?:openwebui-ee:|openwebui-postgres-|postgres\.git,)(\d+\.\d+\.\d+)", "\n".join(texts))
    assert len(named) >= 5
    assert set(named) == {GALAXY["version"]}
