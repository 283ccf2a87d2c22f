# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame that every module of the collection is in: how it ends, well or refused.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused


def answer(module: AnsibleModule, work: Callable[[], dict[str, Any]], so_far: dict[str, Any] | None = None, **always: Any) -> None:
    """Do the work and end the module with its result, or with every reason why it was refused.

    :arg work: returns what the module returns. C(warnings) in it are said, and a C(diff) that nobody asked for is left out.
    :arg so_far: filled in while the work is done, and returned where it is refused: what has been done by then.
    :arg always: what is returned in either case, such as an C(invocation) without secrets.
    """
    try:
        result = work()
    except Refused as refused:
        problems = [problem.as_result() for problem in refused.problems]
        module.fail_json(msg=str(refused), problems=problems, problems_total=refused.total, **(so_far or {}), **always)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if not module._diff:
        result.pop("diff", None)
    module.exit_json(**result, **always)


def require_psycopg(module: AnsibleModule) -> None:
    """End the module with how to install psycopg, where its Python has none."""
    if PSYCOPG_IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("psycopg"), exception=PSYCOPG_IMPORT_ERROR)
