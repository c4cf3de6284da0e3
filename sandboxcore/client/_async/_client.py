"""The control plane: templates, volumes, pools and sandboxes."""

from __future__ import annotations

import os
import time
import uuid
from typing import TYPE_CHECKING, Any

from sandboxcore.client._async._connection import AsyncConnection
from sandboxcore.client._async._http import AsyncHttp
from sandboxcore.client._async._journal import AsyncJournal
from sandboxcore.client._async._lists import AsyncList
from sandboxcore.client._async._reports import AsyncReports
from sandboxcore.client._async._sandbox import AsyncSandbox
from sandboxcore.client._async._service import AsyncServiceURL
from sandboxcore.client._io import async_sleep
from sandboxcore.errors import ResourceCreationError, ResourceTimeoutError
from sandboxcore.models import Pool, ResourceSpec, ResourceStatus, ServerCapabilities, Template, Volume
from sandboxcore.protocol import calls
from sandboxcore.protocol.retry import RetryPolicy
from sandboxcore.protocol.services import check_service
from sandboxcore.protocol.settings import auth_headers, resolve_api_key, resolve_endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from typing import Literal, Unpack

    import httpx

    from sandboxcore.models import Page, VolumeMountSpec
    from sandboxcore.protocol.lists import PoolSelection, SandboxSelection, TemplateSelection, VolumeSelection


class AsyncSandboxClient(AsyncConnection, AsyncReports, AsyncJournal):
    """A connection to one server.

    ``api_endpoint`` is the whole base URL, by default made from ``SANDBOX_ENDPOINT``, ``LANGSMITH_ENDPOINT`` or
    ``LANGCHAIN_ENDPOINT``; ``api_key`` likewise from ``SANDBOX_API_KEY`` and so on. ``timeout`` is for one HTTP
    request, in seconds. ``max_retries`` is for failed connections, 502, 503, 504 and 429. ``headers`` go with every
    request and WebSocket; ``transport`` replaces httpx's own.

    Every method raises ``SandboxConnectionError`` where the server cannot be reached, ``SandboxAuthenticationError``
    where it does not accept the key, and ``InvalidResponseError`` where its answer makes no sense.
    """

    def __init__(
        self,
        *,
        api_endpoint: str | None = None,
        timeout: float = 10.0,
        api_key: str | None = None,
        max_retries: int = 3,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base_url = resolve_endpoint(api_endpoint, os.environ)
        self._api_key = resolve_api_key(api_key, os.environ)
        self._headers = {**(headers or {}), **auth_headers(self._api_key)}
        self._policy = RetryPolicy(max_retries)
        self._server_keeps_ids = True
        self._http = AsyncHttp(
            self._base_url, headers=self._headers, timeout=timeout, policy=self._policy, transport=transport
        )
        self._volumes = AsyncList(self._http, calls.list_all("volume"), "volumes", Volume.from_dict)
        self._templates = AsyncList(self._http, calls.list_all("template"), "templates", Template.from_dict)
        self._pools = AsyncList(self._http, calls.list_all("pool"), "pools", Pool.from_dict)

    async def get_capabilities(self) -> ServerCapabilities:
        """What the server's runtime enforces. Raises ``SandboxAPIError`` on a server that does not tell."""
        return ServerCapabilities.from_dict(await self._http.json(calls.get_capabilities()))

    async def create_volume(self, name: str, size: str, *, timeout: int = 60, wait_for_ready: bool = True) -> Volume:
        """Create a volume of ``size`` (``1Gi``) and wait, at most ``timeout`` seconds, until it can be used.

        ``wait_for_ready=False`` returns at once.

        Raises ``ResourceAlreadyExistsError``, ``ResourceCreationError``, ``ResourceTimeoutError``,
        ``ValidationError`` and ``QuotaExceededError``.
        """
        return Volume.from_dict(
            await self._http.json(calls.create_volume(name, size, timeout, wait_for_ready=wait_for_ready))
        )

    async def get_volume(self, name: str, *, include: Literal["usage"] | None = None) -> Volume:
        """One volume; with ``include="usage"`` how full it is and who uses it. Raises ``ResourceNotFoundError``."""
        return Volume.from_dict(await self._http.json(calls.get_one("volume", name, include=include)))

    async def list_volumes(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
        **asked: Unpack[VolumeSelection],
    ) -> Page[Volume]:
        """All volumes, oldest first; or one page, as soon as anything is asked for.

        See ``iter_volumes`` for ``asked``. ``cursor`` is an earlier page's ``next_cursor``.
        Raises ``ValidationError``, and ``ExtensionUnsupportedError`` on a server that only gives whole lists.
        """
        return await self._volumes.page({"limit": limit, "offset": offset, "cursor": cursor, **asked})

    def iter_volumes(self, *, page_size: int | None = None, **asked: Unpack[VolumeSelection]) -> AsyncIterator[Volume]:
        """Each of the volumes; ``asked`` may have ``sort``, ``q``, ``status``, ``in_use``, ``created_by``
        and ``include``.

        Raises what ``list_volumes`` raises.
        """
        return self._volumes.walk(asked, page_size)

    async def grow_volume(self, name: str, size: str) -> Volume:
        """Begin to let a volume grow and return at once; ``wanted_size`` is set until it has, or could not.

        Raises what ``update_volume`` raises, for what the server finds out at once.
        """
        return Volume.from_dict(await self._http.json(calls.grow_volume(name, size)))

    async def update_volume(self, name: str, *, new_name: str | None = None, size: str | None = None) -> Volume:
        """Rename or grow a volume.

        Raises ``ResourceNotFoundError``, ``ResourceNameConflictError``, ``QuotaExceededError``, and
        ``ValidationError`` for a size below the present one.
        """
        changes = _given(name=new_name, size=size)
        if not changes:
            return await self.get_volume(name)
        return Volume.from_dict(await self._http.json(calls.update("volume", name, changes)))

    async def delete_volume(self, name: str) -> None:
        """Delete a volume and what it holds. Raises ``ResourceNotFoundError`` and ``ResourceInUseError``."""
        await self._http.fetch(calls.delete("volume", name))

    async def create_template(
        self,
        name: str,
        image: str,
        *,
        cpu: str = "500m",
        memory: str = "512Mi",
        storage: str | None = None,
        volume_mounts: Sequence[VolumeMountSpec] | None = None,
    ) -> Template:
        """Create a template; limits are Kubernetes quantities.

        Raises ``ResourceAlreadyExistsError``, ``ValidationError``, and ``ResourceNotFoundError`` for a volume.
        """
        call = calls.create_template(name, image, ResourceSpec(cpu, memory, storage), volume_mounts or ())
        return Template.from_dict(await self._http.json(call))

    async def get_template(self, name: str, *, include: Literal["usage"] | None = None) -> Template:
        """One template; with ``include="usage"`` who uses it. Raises ``ResourceNotFoundError``."""
        return Template.from_dict(await self._http.json(calls.get_one("template", name, include=include)))

    async def list_templates(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
        **asked: Unpack[TemplateSelection],
    ) -> Page[Template]:
        """All templates, oldest first; or one page, as soon as anything is asked for.

        See ``iter_templates`` for ``asked``. ``cursor`` is an earlier page's ``next_cursor``.
        Raises ``ValidationError``, and ``ExtensionUnsupportedError`` on a server that only gives whole lists.
        """
        return await self._templates.page({"limit": limit, "offset": offset, "cursor": cursor, **asked})

    def iter_templates(
        self, *, page_size: int | None = None, **asked: Unpack[TemplateSelection]
    ) -> AsyncIterator[Template]:
        """Each of the templates; ``asked`` may have ``sort``, ``q``, ``image``, ``volume``, ``created_by``
        and ``include``.

        Raises what ``list_templates`` raises.
        """
        return self._templates.walk(asked, page_size)

    async def update_template(self, name: str, *, new_name: str) -> Template:
        """Rename a template. Raises ``ResourceNotFoundError`` and ``ResourceNameConflictError``."""
        call = calls.update("template", name, {"name": new_name})
        return Template.from_dict(await self._http.json(call))

    async def delete_template(self, name: str) -> None:
        """Delete a template. Raises ``ResourceNotFoundError``, and ``ResourceInUseError`` while anything uses it."""
        await self._http.fetch(calls.delete("template", name))

    async def create_pool(
        self, name: str, template_name: str, replicas: int, *, timeout: int = 30, wait_for_ready: bool = True
    ) -> Pool:
        """Keep ``replicas`` (1-100) sandboxes of a template ready, and wait until they are, 10-600 seconds.

        ``wait_for_ready=False`` returns at once.

        Raises ``ResourceNotFoundError`` for the template, ``ValidationError`` if that has volumes,
        ``ResourceAlreadyExistsError``, ``ResourceTimeoutError`` and ``QuotaExceededError``.
        """
        return Pool.from_dict(
            await self._http.json(
                calls.create_pool(name, template_name, replicas, timeout, wait_for_ready=wait_for_ready)
            )
        )

    async def get_pool(self, name: str) -> Pool:
        """One pool. Raises ``ResourceNotFoundError``."""
        return Pool.from_dict(await self._http.json(calls.get_one("pool", name)))

    async def list_pools(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
        **asked: Unpack[PoolSelection],
    ) -> Page[Pool]:
        """All pools, oldest first; or one page, as soon as anything is asked for.

        See ``iter_pools`` for ``asked``. ``cursor`` is an earlier page's ``next_cursor``.
        Raises ``ValidationError``, and ``ExtensionUnsupportedError`` on a server that only gives whole lists.
        """
        return await self._pools.page({"limit": limit, "offset": offset, "cursor": cursor, **asked})

    def iter_pools(self, *, page_size: int | None = None, **asked: Unpack[PoolSelection]) -> AsyncIterator[Pool]:
        """Each of the pools; ``asked`` may have ``sort``, ``q``, ``template`` and ``created_by``.

        Raises what ``list_pools`` raises.
        """
        return self._pools.walk(asked, page_size)

    async def update_pool(self, name: str, *, new_name: str | None = None, replicas: int | None = None) -> Pool:
        """Rename or scale (0-100, 0 pauses) a pool.

        Raises ``ResourceNotFoundError``, ``ResourceNameConflictError``, ``ValidationError`` and
        ``QuotaExceededError``.
        """
        changes = _given(name=new_name, replicas=replicas)
        if not changes:
            return await self.get_pool(name)
        return Pool.from_dict(await self._http.json(calls.update("pool", name, changes)))

    async def delete_pool(self, name: str) -> None:
        """Delete a pool and its waiting sandboxes. Raises ``ResourceNotFoundError``."""
        await self._http.fetch(calls.delete("pool", name))

    async def sandbox(
        self,
        template_name: str,
        *,
        name: str | None = None,
        timeout: int = 30,
        ttl_seconds: int | None = None,
        idle_ttl_seconds: int | None = None,
    ) -> AsyncSandbox:
        """Create a sandbox that is deleted at the end of the ``with`` that it is used in.

        Arguments and errors are those of ``create_sandbox``.
        """
        sandbox = await self.create_sandbox(
            template_name, name=name, timeout=timeout, ttl_seconds=ttl_seconds, idle_ttl_seconds=idle_ttl_seconds
        )
        sandbox._auto_delete = True
        return sandbox

    async def create_sandbox(
        self,
        template_name: str,
        *,
        name: str | None = None,
        timeout: int = 30,
        wait_for_ready: bool = True,
        ttl_seconds: int | None = None,
        idle_ttl_seconds: int | None = None,
    ) -> AsyncSandbox:
        """Create a sandbox that stays until it is deleted or its lifetime ends, and wait until it is ready.

        ``timeout`` bounds the waiting, in seconds; ``wait_for_ready=False`` returns at once. Lifetimes are whole
        minutes in seconds: ``ttl_seconds`` from its creation, ``idle_ttl_seconds`` from its last activity; 0 is none.

        Raises ``ResourceNotFoundError`` for the template, ``ResourceTimeoutError``, ``ResourceCreationError``,
        ``ResourceAlreadyExistsError``, ``ValidationError`` and ``QuotaExceededError``.
        """
        call = calls.create_sandbox(
            name or f"sandbox-{uuid.uuid4().hex[:12]}",
            template_name,
            timeout=timeout,
            wait_for_ready=wait_for_ready,
            lifetimes=_given(ttl_seconds=ttl_seconds, idle_ttl_seconds=idle_ttl_seconds),
        )
        sandbox = AsyncSandbox.from_dict(await self._http.json(call), self, auto_delete=False)
        if wait_for_ready and sandbox.status == "provisioning":
            return await self.wait_for_sandbox(sandbox.name, timeout=timeout)
        return sandbox

    async def get_sandbox(self, name: str, *, include: Literal["usage"] | None = None) -> AsyncSandbox:
        """One sandbox; with ``include="usage"`` what it holds and uses. Raises ``ResourceNotFoundError``."""
        data = await self._http.json(calls.get_one("sandbox", name, include=include))
        return AsyncSandbox.from_dict(data, self, auto_delete=False)

    async def list_sandboxes(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
        **asked: Unpack[SandboxSelection],
    ) -> Page[AsyncSandbox]:
        """All sandboxes, oldest first; or one page, as soon as anything is asked for.

        See ``iter_sandboxes`` for ``asked``. ``cursor`` is an earlier page's ``next_cursor``.
        Raises ``ValidationError``, and ``ExtensionUnsupportedError`` on a server that only gives whole lists.
        """
        return await self._sandboxes.page({"limit": limit, "offset": offset, "cursor": cursor, **asked})

    def iter_sandboxes(
        self, *, page_size: int | None = None, **asked: Unpack[SandboxSelection]
    ) -> AsyncIterator[AsyncSandbox]:
        """Each of the sandboxes.

        ``asked`` may have ``sort``, ``q``, ``status``, ``template``, ``pool``, ``created_by``, ``created_after``,
        ``created_before`` and ``include="usage"``, for what each holds and uses.

        Raises what ``list_sandboxes`` raises.
        """
        return self._sandboxes.walk(asked, page_size)

    async def update_sandbox(
        self,
        name: str,
        *,
        new_name: str | None = None,
        ttl_seconds: int | None = None,
        idle_ttl_seconds: int | None = None,
    ) -> AsyncSandbox:
        """Rename a sandbox or change its lifetimes, 0 for none.

        Raises ``ResourceNotFoundError``, ``ResourceNameConflictError`` and ``ValidationError``.
        """
        changes = _given(name=new_name, ttl_seconds=ttl_seconds, idle_ttl_seconds=idle_ttl_seconds)
        if not changes:
            return await self.get_sandbox(name)
        data = await self._http.json(calls.update("sandbox", name, changes))
        return AsyncSandbox.from_dict(data, self, auto_delete=False)

    async def delete_sandbox(self, name: str) -> None:
        """Delete a sandbox and all that runs in it. Raises ``ResourceNotFoundError``."""
        await self._http.fetch(calls.delete("sandbox", name))

    async def service(self, name: str, port: int, *, expires_in_seconds: int = 600) -> AsyncServiceURL:
        """``service`` of the sandbox of this name."""
        check_service(port, expires_in_seconds)
        service = AsyncServiceURL(self._http, name, port, expires_in_seconds)
        await service.get_token()
        return service

    async def get_sandbox_status(self, name: str) -> ResourceStatus:
        """How far a sandbox's creation is; cheaper than ``get_sandbox``. Raises ``ResourceNotFoundError``."""
        return ResourceStatus.from_dict(await self._http.json(calls.get_status(name)))

    async def wait_for_sandbox(self, name: str, *, timeout: float = 120, poll_interval: float = 1.0) -> AsyncSandbox:
        """Ask every ``poll_interval`` seconds until a sandbox is ready, and return it.

        Raises ``ResourceCreationError`` if it fails, ``ResourceTimeoutError`` after ``timeout`` seconds, and
        ``ResourceNotFoundError``.
        """
        deadline = time.monotonic() + timeout
        while True:
            status = await self.get_sandbox_status(name)
            if status.status == "ready":
                return await self.get_sandbox(name)
            if status.status == "failed":
                reason = status.status_message or "the sandbox could not be provisioned"
                raise ResourceCreationError(reason, resource_type="sandbox")
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise ResourceTimeoutError(
                    f"sandbox '{name}' was not ready after {timeout} s",
                    resource_type="sandbox",
                    last_status=status.status,
                )
            await async_sleep(min(poll_interval, remaining))

    @property
    def _sandboxes(self) -> AsyncList[AsyncSandbox]:
        # Made anew each time: one that was kept would keep the client from being collected.
        return AsyncList(self._http, calls.list_all("sandbox"), "sandboxes", self._sandbox)

    def _sandbox(self, data: dict[str, Any]) -> AsyncSandbox:
        return AsyncSandbox.from_dict(data, self, auto_delete=False)


def _given(**values: Any) -> dict[str, Any]:
    """The arguments that are not None."""
    return {name: value for name, value in values.items() if value is not None}
