# Generated from sandboxcore/client/_async/_admin.py by tools/unasync.py: change that file, then run this tool.
"""The admin API: workspaces, their keys, limits and usage, and the admin keys themselves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sandboxcore.administration import (
    AdminKey,
    ApiKey,
    LimitsAndHeld,
    NewAdminKey,
    NewApiKey,
    Reconciliation,
    Workspace,
    WorkspaceCounts,
)
from sandboxcore.client._sync._connection import Connection
from sandboxcore.client._sync._http import Http
from sandboxcore.client._sync._lists import List
from sandboxcore.protocol import administration as calls
from sandboxcore.protocol.lists import parameters, written
from sandboxcore.protocol.retry import RetryPolicy
from sandboxcore.protocol.settings import auth_headers, resolve_admin_endpoint, resolve_admin_key
from sandboxcore.reports import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Literal

    import httpx

    from sandboxcore.models import Page

NEVER = "never"


class AdminClient(Connection):
    """A connection to one server's admin API.

    ``api_endpoint`` is the whole base URL, ending in ``/v2/admin``, by default made from ``SANDBOX_ENDPOINT``;
    ``admin_key`` is by default ``SANDBOX_ADMIN_KEY``. The rest is as for ``SandboxClient``. Workspaces are named
    by name or identifier, keys by the public part of their text, which is their ``id``.

    Every method raises ``SandboxConnectionError`` where the server cannot be reached, ``SandboxAuthenticationError``
    where it does not accept the key, ``ExtensionUnsupportedError`` where it has no admin API, and
    ``ResourceNotFoundError`` for a workspace that is not there.
    """

    def __init__(
        self,
        *,
        api_endpoint: str | None = None,
        timeout: float = 10.0,
        admin_key: str | None = None,
        max_retries: int = 3,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._base_url = resolve_admin_endpoint(api_endpoint, os.environ)
        key = resolve_admin_key(admin_key, os.environ)
        self._http = Http(
            self._base_url,
            headers={**(headers or {}), **auth_headers(key)},
            timeout=timeout,
            policy=RetryPolicy(max_retries),
            transport=transport,
        )

    def create_workspace(self, name: str, **limits: int | None) -> Workspace:
        """Make a workspace, empty and without keys; ``limits`` as for ``set_limits``.

        Raises ``ResourceAlreadyExistsError`` and ``ValidationError``.
        """
        return Workspace.from_dict(self._http.json(calls.create_workspace(name, limits)))

    def get_workspace(self, name: str) -> Workspace:
        """A workspace; by its identifier also one on its way out."""
        return Workspace.from_dict(self._http.json(calls.read(calls.workspace(name))))

    def list_workspaces(
        self, *, q: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> Page[Workspace]:
        """A page of workspaces by name, at most ``limit`` (1-1000, default 100); ``q`` is a part of the name."""
        found = List(self._http, calls.read(calls.WORKSPACES), "workspaces", Workspace.from_dict)
        return found.numbered({"q": q, "limit": limit, "offset": offset})

    def get_overview(
        self, *, q: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> Page[WorkspaceCounts]:
        """The same page, each workspace with what it has."""
        found = List(self._http, calls.read(calls.OVERVIEW), "workspaces", WorkspaceCounts.from_dict)
        return found.numbered({"q": q, "limit": limit, "offset": offset})

    def rename_workspace(self, name: str, *, new_name: str) -> Workspace:
        """Give a workspace another name. Raises ``ResourceNameConflictError`` and ``ValidationError``."""
        call = calls.change(calls.workspace(name), "workspace", {"name": new_name})
        return Workspace.from_dict(self._http.json(call))

    def delete_workspace(self, name: str, *, force: bool = False) -> bool:
        """Remove a workspace that holds nothing, or with ``force`` all that it holds.

        True if it is gone; False if its end goes on, while its keys are refused and its name is free already. Raises
        ``ResourceInUseError``.
        """
        return (self._http.fetch(calls.delete_workspace(name, force=force))).status != 202

    def get_limits(self, workspace: str) -> LimitsAndHeld:
        """What a workspace may hold, and what it holds now."""
        return LimitsAndHeld.from_dict(self._http.json(calls.read(calls.workspace(workspace, calls.LIMITS))))

    def set_limits(self, workspace: str, **limits: int | None) -> LimitsAndHeld:
        """Change the given ones of ``WorkspaceLimits``, None for no limit.

        Less than what is held ends nothing; there is just no room until enough is gone. Raises ``ValidationError``.
        """
        call = calls.change(calls.workspace(workspace, calls.LIMITS), "workspace", limits)
        return LimitsAndHeld.from_dict(self._http.json(call))

    def get_usage(
        self,
        workspace: str,
        *,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        step: Literal["hour", "day", "total"] = "day",
        by: Literal["template", "creator", "none"] = "none",
    ) -> Usage:
        """What a workspace used, as its own ``get_usage`` tells it. Raises ``ValidationError``."""
        query = parameters({"from": start, "to": end, "step": step, "by": by})
        return Usage.from_dict(self._http.json(calls.read(calls.workspace(workspace, calls.USAGE), query)))

    def create_key(
        self,
        workspace: str,
        name: str,
        *,
        scopes: Sequence[str] | None = None,
        acts_for_people: bool = False,
        expires_at: datetime | str | None = None,
        expires_in_seconds: int | None = None,
    ) -> NewApiKey:
        """Make a key with all ``scopes`` (``read``, ``run``, ``manage``) or some; its text is to be had only here.

        Raises ``ValidationError``. It is not tried again where its answer was lost.
        """
        body = written(
            name=name,
            scopes=None if scopes is None else list(scopes),
            acts_for_people=acts_for_people,
            expires_at=expires_at,
            expires_in_seconds=expires_in_seconds,
        )
        return NewApiKey.from_dict(self._http.json(calls.make_key(calls.workspace(workspace, calls.KEYS), body)))

    def list_keys(
        self, workspace: str, *, living: bool = False, limit: int | None = None, offset: int | None = None
    ) -> Page[ApiKey]:
        """Keys of a workspace, oldest first, also those that have ended unless only ``living`` ones are wanted."""
        call = calls.read(calls.workspace(workspace, calls.KEYS))
        asked = {"living": living or None, "limit": limit, "offset": offset}
        return List(self._http, call, "keys", ApiKey.from_dict).numbered(asked)

    def get_key(self, workspace: str, key: str) -> ApiKey:
        """A key. Raises ``ResourceNotFoundError``."""
        return ApiKey.from_dict(self._http.json(calls.read(calls.key(workspace, key))))

    def update_key(
        self, workspace: str, key: str, *, name: str | None = None, expires_at: datetime | str | None = None
    ) -> ApiKey:
        """Change a living key's name or when it expires, which may be ``"never"``.

        Raises ``ResourceNotFoundError``, ``ResourceNameConflictError`` and ``ValidationError``.
        """
        changes: dict[str, Any] = written(name=name, expires_at=expires_at)
        if expires_at == NEVER:
            changes["expires_at"] = None
        return ApiKey.from_dict(self._http.json(calls.change(calls.key(workspace, key), "key", changes)))

    def rotate_key(self, workspace: str, key: str, *, overlap_seconds: int = 0) -> NewApiKey:
        """Put a new key in a living one's place, which ends at once or after ``overlap_seconds``.

        Raises ``ResourceNotFoundError`` and ``ValidationError``. It is not tried again where its answer was lost.
        """
        call = calls.make_key(calls.key(workspace, key, "/rotate"), {"overlap_seconds": overlap_seconds})
        return NewApiKey.from_dict(self._http.json(call))

    def revoke_key(self, workspace: str, key: str) -> None:
        """End a key for good, and what is open with it; commands go on. Raises ``ResourceNotFoundError``."""
        self._http.fetch(calls.end_key(calls.key(workspace, key)))

    def get_reconciliation(self) -> Reconciliation:
        """Where the server's database and its runtime differ, and what it would do about it; nothing is done.

        Raises ``SandboxAPIError`` while the runtime cannot be used.
        """
        return Reconciliation.from_dict(self._http.json(calls.read(calls.RECONCILIATION)))

    def reconcile(self, *, remove_volumes: bool = False, timeout: float = 120.0) -> Reconciliation:
        """Mend what differs now, within ``timeout`` seconds; what became of each difference is its ``outcome``.

        ``remove_volumes`` removes volumes that no row of the database knows, with all that they hold. Raises as
        ``get_reconciliation``.
        """
        call = calls.reconcile(remove_volumes=remove_volumes, timeout=timeout)
        return Reconciliation.from_dict(self._http.json(call))

    def create_admin_key(
        self, name: str, *, expires_at: datetime | str | None = None, expires_in_seconds: int | None = None
    ) -> NewAdminKey:
        """Make an admin key; its text is to be had only here. It is not tried again where its answer was lost.

        Raises ``ValidationError``.
        """
        body = written(name=name, expires_at=expires_at, expires_in_seconds=expires_in_seconds)
        return NewAdminKey.from_dict(self._http.json(calls.make_key(calls.ADMIN_KEYS, body)))

    def list_admin_keys(self) -> Page[AdminKey]:
        """Every admin key, oldest first, also those that have ended."""
        call = calls.read(calls.ADMIN_KEYS)
        return List(self._http, call, "admin_keys", AdminKey.from_dict).numbered({})

    def revoke_admin_key(self, key: str) -> None:
        """End an admin key for good. Raises ``ResourceInUseError`` for the last living one."""
        self._http.fetch(calls.end_key(calls.admin_key(key)))
