# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker Engine without a Docker Engine.

fake   an engine with API 1.41, which holds nothing yet
fakes  fakes("1.51") -> one with another API
"""

from __future__ import annotations

from typing import Callable, Iterator

import pytest
from lab.fake_engine import FakeEngine


@pytest.fixture
def fakes() -> Iterator[Callable[[str], FakeEngine]]:
    made = []

    def make(api: str) -> FakeEngine:
        made.append(FakeEngine(api))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def fake(fakes: Callable[[str], FakeEngine]) -> FakeEngine:
    return fakes("1.41")
