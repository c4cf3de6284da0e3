"""What every client is but for its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from sandboxcore.client._async._http import AsyncHttp


class AsyncConnection:
    """Connections for HTTP that are closed at the end, and a name that holds no password."""

    _base_url: str
    _http: AsyncHttp

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._base_url.rpartition('@')[2]}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        http = getattr(self, "_http", None)
        if http is not None:
            http.abandon()

    async def aclose(self) -> None:
        """Close the connections for HTTP; handles of running commands have their own."""
        await self._http.aclose()
