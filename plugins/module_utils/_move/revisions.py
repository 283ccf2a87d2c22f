# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables and columns that Open WebUI has at each of its revisions, for a look at a file before there is a target.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Iterable, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import TargetColumn
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import REVISIONS, STEPS, describe_revision
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source, fold

# What each step adds, changes and removes, as it shows in PostgreSQL: a table with its columns, C(!) for NOT NULL, C(=) for a
# column with a default, a minus sign for what is dropped. Written by running Open WebUI 0.12.4's own migrations one by one.
_CHANGES = {
    "7e5b5dc7342b": """
        auth id:varchar! email:varchar password:text active:bool
        chat id:varchar! user_id:varchar title:text chat:text created_at:bigint updated_at:bigint share_id:text archived:bool
        chatidtag id:varchar! tag_name:varchar chat_id:varchar user_id:varchar timestamp:bigint
        document collection_name:varchar! name:varchar title:text filename:text content:text user_id:varchar timestamp:bigint
        file id:varchar! user_id:varchar filename:text meta:text created_at:bigint
        function id:varchar! user_id:varchar name:text type:text content:text meta:text valves:text is_active:bool is_global:bool
            updated_at:bigint created_at:bigint
        memory id:varchar! user_id:varchar content:text updated_at:bigint created_at:bigint
        model id:text! user_id:text base_model_id:text name:text params:text meta:text updated_at:bigint created_at:bigint
        prompt command:varchar! user_id:varchar title:text content:text timestamp:bigint
        tag id:varchar! name:varchar user_id:varchar data:text
        tool id:varchar! user_id:varchar name:text content:text specs:text meta:text valves:text updated_at:bigint created_at:bigint
        user id:varchar! name:varchar email:varchar role:varchar profile_image_url:text last_active_at:bigint updated_at:bigint
            created_at:bigint api_key:varchar settings:text info:text oauth_sub:text
    """,
    "ca81bd47c050": """
        config id:int!= data:json! version:int! created_at:timestamp!= updated_at:timestamp=
    """,
    "c0fbf31ca0db": """
        file hash:text data:json updated_at:bigint
    """,
    "6a39f3d8e55c": """
        knowledge id:text! user_id:text! name:text! description:text data:json meta:json created_at:bigint! updated_at:bigint
    """,
    "242a2047eae0": """
        chat chat:json
    """,
    "1af9b942657b": """
        chat pinned:bool meta:json!=
        tag meta:json -data
    """,
    "3ab32c4b8f59": """
        tag user_id:varchar!
    """,
    "c69f45358db4": """
        chat folder_id:text
        folder id:text! parent_id:text user_id:text! name:text! items:json meta:json is_expanded:bool! created_at:timestamp!=
            updated_at:timestamp!=
    """,
    "c29facfe716b": """
        file meta:json path:text
    """,
    "af906e964978": """
        feedback id:text! user_id:text version:bigint type:text data:json meta:json snapshot:json created_at:bigint! updated_at:bigint!
    """,
    "4ace53fd72c8": """
        folder created_at:bigint! updated_at:bigint!
    """,
    "922e7a387820": """
        group id:text! user_id:text name:text description:text data:json meta:json permissions:json user_ids:json created_at:bigint
            updated_at:bigint
        knowledge access_control:json
        model access_control:json is_active:bool!=
        prompt access_control:json
        tool access_control:json
    """,
    "57c599a3cb57": """
        channel id:text! user_id:text name:text description:text data:json meta:json access_control:json created_at:bigint
            updated_at:bigint
        message id:text! user_id:text channel_id:text content:text data:json meta:json created_at:bigint updated_at:bigint
    """,
    "7826ab40b532": """
        file access_control:json
    """,
    "3781e22d8b01": """
        channel type:text
        channel_member id:text! channel_id:text! user_id:text! created_at:bigint
        message parent_id:text
        message_reaction id:text! user_id:text! message_id:text! name:text! created_at:bigint
    """,
    "9f0c9cd09105": """
        note id:text! user_id:text title:text data:json meta:json access_control:json created_at:bigint updated_at:bigint
    """,
    "d31026856c01": """
        folder data:json
    """,
    "3af16a1c9fb6": """
        user username:varchar(50) bio:text gender:text date_of_birth:date
    """,
    "38d63c18f30f": """
        oauth_session id:text! user_id:text! provider:text! token:text! expires_at:bigint! created_at:bigint! updated_at:bigint!
    """,
    "a5c220713937": """
        message reply_to_id:text
    """,
    "37f288994c47": """
        group -user_ids
        group_member id:text! group_id:text! user_id:text! created_at:bigint updated_at:bigint
    """,
    "2f1211949ecc": """
        channel_member status:text is_active:bool!= is_channel_muted:bool!= is_channel_pinned:bool!= data:json meta:json
            joined_at:bigint! left_at:bigint last_read_at:bigint updated_at:bigint
        message is_pinned:bool!= pinned_at:bigint pinned_by:text
    """,
    "b10670c03dd5": """
        api_key id:text! user_id:text key:text! data:json expires_at:bigint last_used_at:bigint created_at:bigint! updated_at:bigint!
        user settings:json info:json profile_banner_image_url:text timezone:varchar presence_state:varchar status_emoji:varchar
            status_message:text status_expires_at:bigint oauth:json -api_key -oauth_sub
    """,
    "90ef40d4714e": """
        channel is_private:bool archived_at:bigint archived_by:text deleted_at:bigint deleted_by:text updated_by:text
        channel_member role:text invited_by:text invited_at:bigint
        channel_webhook id:text! user_id:text! channel_id:text! name:text! profile_image_url:text token:text! last_used_at:bigint
            created_at:bigint! updated_at:bigint!
    """,
    "3e0e00844bb0": """
        knowledge -data
        knowledge_file id:text! user_id:text! knowledge_id:text! file_id:text! created_at:bigint! updated_at:bigint!
    """,
    "6283dc0e4d8d": """
        channel_file id:text! user_id:text! channel_id:text! file_id:text! created_at:bigint! updated_at:bigint!
    """,
    "81cc2ce44d79": """
        channel_file message_id:text
        knowledge data:json
    """,
    "c440947495f3": """
        chat_file id:text! user_id:text! chat_id:text! file_id:text! message_id:text created_at:bigint! updated_at:bigint!
    """,
    "374d2f66af06": """
        prompt id:text! command:varchar user_id:varchar! name:text! content:text! data:json meta:json is_active:bool!= version_id:text
            tags:json created_at:bigint! updated_at:bigint! -title -timestamp
        prompt_history id:text! prompt_id:text! parent_id:text snapshot:json! user_id:text! commit_message:text created_at:bigint!
    """,
    "8452d01d26d7": """
        chat_message id:text! chat_id:text! user_id:text role:text! parent_id:text content:json output:json model_id:text files:json
            sources:json embeds:json done:bool status_history:json error:json usage:json created_at:bigint updated_at:bigint
    """,
    "f1e2d3c4b5a6": """
        access_grant id:text! resource_type:text! resource_id:text! principal_type:text! principal_id:text! permission:text!
            created_at:bigint!
        channel -access_control
        file -access_control
        knowledge -access_control
        model -access_control
        note -access_control
        prompt -access_control
        tool -access_control
    """,
    "a1b2c3d4e5f6": """
        skill id:varchar! user_id:varchar! name:text! description:text content:text! meta:json is_active:bool! updated_at:bigint!
            created_at:bigint!
    """,
    "b2c3d4e5f6a7": """
        user scim:json
    """,
    "a3dd5bedd151": """
        chat tasks:json summary:text
    """,
    "d4e5f6a7b8c9": """
        automation id:text! user_id:text! name:text! data:json! meta:json is_active:bool! last_run_at:bigint next_run_at:bigint
            created_at:bigint! updated_at:bigint!
        automation_run id:text! automation_id:text! chat_id:text status:text! error:text created_at:bigint!
    """,
    "b7c8d9e0f1a2": """
        chat last_read_at:bigint
    """,
    "e1f2a3b4c5d6": """
        note is_pinned:bool
    """,
    "c1d2e3f4a5b6": """
        shared_chat id:text! chat_id:text! user_id:text! title:text chat:json created_at:bigint updated_at:bigint
    """,
    "56359461a091": """
        calendar id:text! user_id:text! name:text! color:text is_default:bool! data:json meta:json created_at:bigint! updated_at:bigint!
        calendar_event id:text! calendar_id:text! user_id:text! title:text! description:text start_at:bigint! end_at:bigint
            all_day:bool! rrule:text color:text location:text data:json meta:json is_cancelled:bool! created_at:bigint! updated_at:bigint!
        calendar_event_attendee id:text! event_id:text! user_id:text! status:text! meta:json created_at:bigint! updated_at:bigint!
    """,
    "4de81c2a3af1": """
        note -is_pinned
        pinned_note id:text! user_id:text! note_id:text! created_at:bigint!
    """,
    "3c9b0ca343fd": """
        knowledge_directory id:text! knowledge_id:text! parent_id:text name:text! user_id:text! created_at:bigint! updated_at:bigint!
        knowledge_file directory_id:text
    """,
    "3ff2c63645b8": """
        config key:text! value:json! updated_at:bigint -id -data -version -created_at
        config_old id:int!= data:json! version:int! created_at:timestamp!= updated_at:timestamp=
    """,
    "4c5ce3d2f27f": """
        chat_message context_summary:text
    """,
    "7b3f2a9c1d4e": """
        memory type:varchar!=
    """,
    "42e2978c7933": """
        memory path:text meta:json
    """,
    "856c5b02fb54": """
        chat_message meta:json
    """,
    "9a1b2c3d4e5f": """
        chat current_message_id:text
    """,
    "c49178636c78": """
        chat variables:json
    """,
    "b0018471bbbe": """
        user variables:json
    """,
    "959eaac8f909": """
        automation folder_id:text
    """,
    "d4c1a8e37b62": """
        chat timer_at:bigint
    """,
    "a7d3e9f2b641": """
        auth mfa:json session_stamp:text
    """,
    "b8e4f0a3c752": """
        group parent_group_id:text
    """,
    "d6a8c3f912ab": """
        skill version_id:text data:json
        skill_history id:text! skill_id:text! parent_id:text snapshot:json! user_id:text! commit_message:text created_at:bigint!
    """,
    "e7b9d4a023bc": """
        model version_id:text
        model_history id:text! model_id:text! parent_id:text snapshot:json! user_id:text! commit_message:text created_at:bigint!
    """,
    "f8c0e5b134cd": """
        function version_id:text
        function_history id:text! function_id:text! parent_id:text snapshot:json! user_id:text! commit_message:text created_at:bigint!
        tool version_id:text
        tool_history id:text! tool_id:text! parent_id:text snapshot:json! user_id:text! commit_message:text created_at:bigint!
    """,
    "c92da83b017f": """
        app id:text! slug:text! name:text! user_id:text is_active:bool!= data:json! api_key:text created_at:bigint! updated_at:bigint!
        channel_member user_id:text app_id:text
        message app_id:text
    """,
}

_TYPES = {
    "bool": "boolean",
    "int": "integer",
    "timestamp": "timestamp without time zone",
    "varchar": "character varying",
}

# From this step on the tables of files that were begun with peewee's migrations (up to Open WebUI 0.9.5) are the same as all others.
_UNIFIED = "461111b60977"

# The first of the steps. Its tables were made by peewee's migrations, with more columns, in files that are older.
_FIRST = STEPS[0]


class Origin(NamedTuple):
    """The step that fills a table or a column, from rows of other tables."""

    step: str
    tables: tuple[str, ...]


FILLED_TABLES = {
    "group_member": Origin("37f288994c47", ("group",)),
    "api_key": Origin("b10670c03dd5", ("user",)),
    "knowledge_file": Origin("3e0e00844bb0", ("knowledge",)),
    "prompt_history": Origin("374d2f66af06", ("prompt",)),
    "chat_message": Origin("8452d01d26d7", ("chat",)),
    "access_grant": Origin("f1e2d3c4b5a6", ("channel", "file", "knowledge", "model", "note", "prompt", "tool")),
    "shared_chat": Origin("c1d2e3f4a5b6", ("chat",)),
    "pinned_note": Origin("4de81c2a3af1", ("note",)),
    "config": Origin("3ff2c63645b8", ("config_old",)),
    "skill_history": Origin("d6a8c3f912ab", ("skill",)),
    "model_history": Origin("e7b9d4a023bc", ("model",)),
    "tool_history": Origin("f8c0e5b134cd", ("tool",)),
    "function_history": Origin("f8c0e5b134cd", ("function",)),
}

FILLED_COLUMNS = {
    ("chat", "meta"): "1af9b942657b",
    ("chat", "pinned"): "1af9b942657b",
    ("chat", "current_message_id"): "9a1b2c3d4e5f",
    ("chat", "timer_at"): "d4c1a8e37b62",
    ("file", "path"): "c29facfe716b",
    ("function", "version_id"): "f8c0e5b134cd",
    ("model", "version_id"): "e7b9d4a023bc",
    ("prompt", "version_id"): "374d2f66af06",
    ("skill", "version_id"): "d6a8c3f912ab",
    ("tool", "version_id"): "f8c0e5b134cd",
    ("user", "oauth"): "b10670c03dd5",
}

Tables = dict[str, dict[str, TargetColumn]]


def known_tables(revision: str | None) -> Tables | None:
    """The tables that Open WebUI has at a revision, as PostgreSQL holds them; None where that is not known for sure."""
    if revision not in STEPS or STEPS.index(revision) < STEPS.index(_UNIFIED):
        return None
    tables: Tables = {}
    for step in STEPS[: STEPS.index(revision) + 1]:
        _apply(_lines(step), tables)
    return tables


def is_known_table(name: str, revision: str | None = None) -> bool:
    """Whether Open WebUI has had a table of this name at any revision. Of one that is not known, it may have any."""
    return name in _ever() or (revision is not None and revision not in STEPS)


def made_by_steps(revision: str) -> dict[str, list[str]]:
    """What a file of this revision has from all steps but the first: tables, and of each the columns that these steps brought."""
    tables: Tables = {}
    brought: dict[str, list[str]] = {}
    for step in STEPS[: STEPS.index(revision) + 1]:
        for line in _lines(step) if step != _FIRST else ():
            name, *changes = line.split()
            brought.setdefault(name, []).extend(change.split(":")[0] for change in changes if ":" in change)
        _apply(_lines(step), tables)
    return {
        name: [column for column in dict.fromkeys(columns) if column in tables[name]] for name, columns in brought.items() if name in tables
    }


def stamp_problem(revisions: list[str] | None) -> str | None:
    """What is wrong with the alembic revisions that a database is stamped with; None when it is one."""
    if revisions is None:
        return "has no alembic revision; it is older than Open WebUI 0.3.18, or was never upgraded"
    if not revisions:
        return "has no alembic revision: its table alembic_version is empty"
    if not all(revisions):
        return "has no alembic revision: its table alembic_version holds NULL or an empty text"
    if len(revisions) > 1:
        named = " and ".join(map(describe_revision, revisions))
        return f"is stamped with {len(revisions)} revisions in alembic_version, {named}, where one is expected"
    return None


def stamp_remedy(source: Source) -> str:
    """What can be done about a source with such a problem."""
    revisions = source.revisions()
    if revisions is None:
        return "start a copy of it once with Open WebUI 0.9.5 or older, which knows such files"
    likely = likely_revision(source, revisions or [step for step in STEPS if step in REVISIONS])
    told = f" (its tables and columns are those of {describe_revision(likely)})" if likely else ""
    what = "delete the rows that are not true" if revisions else "insert the true one"
    return f"move a backup that has one, or {what}, with Open WebUI stopped{told}"


def likely_revision(source: Source, revisions: Iterable[str]) -> str | None:
    """The newest of some revisions of which a file has all tables and columns; None where it has those of none."""
    virtual = source.virtual_tables()
    has = {
        (fold(table), fold(column.name)) for table in source.tables() if table not in virtual for column in source.readable_columns(table)
    }
    for revision in sorted((known for known in revisions if known in STEPS), key=STEPS.index, reverse=True):
        made = made_by_steps(revision)
        if all((table, column) in has for table, columns in made.items() for column in columns):
            return revision
    return None


def _ever() -> set[str]:
    return {line.split()[0].lstrip("-") for step in _CHANGES for line in _lines(step)}


def _lines(step: str) -> list[str]:
    """The changes of a step, one table a line; what is indented deeper goes on with the line before."""
    return _CHANGES.get(step, "").replace("\n            ", " ").split("\n")[1:-1]


def _apply(lines: list[str], tables: Tables) -> None:
    for line in lines:
        name, *changes = line.split()
        if name.startswith("-"):
            tables.pop(name[1:], None)
            continue
        columns = tables.setdefault(name, {})
        for change in changes:
            if change.startswith("-"):
                columns.pop(change[1:], None)
            else:
                column = _column(change)
                columns[column.name] = column


def _column(written: str) -> TargetColumn:
    name, _colon, described = written.partition(":")
    type_name, _bracket, length = described.rstrip("!=").rstrip(")").partition("(")
    return TargetColumn(
        name,
        _TYPES.get(type_name, type_name),
        int(length) if length else None,
        "!" in described,
        described.endswith("="),
    )
