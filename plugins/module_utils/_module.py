# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame that every module of the collection is in: how it ends, well or refused.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, Refused


def answer(
    module: AnsibleModule,
    work: Callable[[], dict[str, Any]],
    told: Callable[[Refused], str] = str,
    if_refused: dict[str, Any] | None = None,
    **always: Any,
) -> None:
    """Do the work and end the module with its result, or with every reason why it was refused.

    :arg work: returns what the module returns. C(warnings) in it are said, and a C(diff) that nobody asked for is left out. With a
        C(failure) in it, one line for people, the task fails, and the rest is returned all the same.
    :arg told: the message of a refusal.
    :arg if_refused: what is returned besides with a refusal.
    :arg always: what is returned in either case, such as an C(invocation) without secrets.

    Every module also tells when it was at work, so that a report can draw what happened when.
    """
    began_at = time.time()
    try:
        _refuse_nul(module.params)
        result = work()
    except Refused as refused:
        problems = [problem.as_result() for problem in refused.problems]
        always["timing"] = _since(began_at)
        module.fail_json(msg=told(refused), problems=problems, problems_total=refused.total, **(if_refused or {}), **always)
    always["timing"] = _since(began_at)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if not module._diff:
        result.pop("diff", None)
    failure = result.pop("failure", "")
    if failure:
        module.fail_json(msg=failure, **result, **always)
    module.exit_json(**result, **always)


def _since(began_at: float) -> dict[str, float]:
    return {"began_at": round(began_at, 3), "ended_at": round(time.time(), 3)}


def _refuse_nul(params: dict[str, Any]) -> None:
    """
    :raises Refused: when an option holds a byte that no path, name or command of this system can have. It is never shown.
    """
    found = [name for name, value in params.items() if _has_nul(value)]
    if found:
        raise Refused([Problem("option", f"{name}: has a NUL byte in it; correct the variable it comes from") for name in found])


def _has_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple)):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value


def without_secrets(module: AnsibleModule, secrets: Iterable[str], **instead: Any) -> dict[str, Any]:
    """What the module was called with, for its C(invocation), with something else in place of options that hold secrets.

    Ansible takes every value of a secret option for a secret, also a pool size of 15 in C(env), and would blank it out wherever it is part
    of a path or an id. From here on, only the real ones are blanked out.

    :arg secrets: the real ones.
    :arg instead: what is shown of an option in place of its value, by the option's name.
    """
    module.no_log_values = set(secrets)
    return {"module_args": {**module.params, **instead}}


def require_psycopg(module: AnsibleModule, import_error: str | None) -> None:
    """End the module with how to install psycopg, where its Python has none.

    :arg import_error: what came of importing it. It is not imported here: that takes a fifth of a second, also of modules without a use
        for it.
    """
    if import_error is not None:
        module.fail_json(msg=missing_required_lib("psycopg"), exception=import_error)
