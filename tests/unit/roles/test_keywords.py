# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all promised releases of ansible-core read alike in a task or a block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted([*ROOT.glob("roles/*/tasks/**/*.yml"), *ROOT.glob("roles/*/handlers/**/*.yml"), *ROOT.glob("playbooks/**/*.yml")])


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a file: plays, blocks, tasks and what `apply` hands on."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(part)


def test_there_are_tasks() -> None:
    assert len(FILES) > 50


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_host_to_delegate_to_is_never_omitted(file: Path) -> None:
    """On a block, ansible-core 2.18 connects to a host of the name of the expression instead."""
    delegated = [str(node["delegate_to"]) for node in nodes(yaml.safe_load(file.read_text(encoding="utf-8"))) if "delegate_to" in node]
    assert [expression for expression in delegated if "omit" in expression] == []
