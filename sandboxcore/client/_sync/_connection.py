# Generated from sandboxcore/client/_async/_connection.py by tools/unasync.py: change that file, then run this tool.
"""What every client is but for its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from sandboxcore.client._sync._http import Http


class Connection:
    """Connections for HTTP that are closed at the end, and a name that holds no password."""

    _base_url: str
    _http: Http

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._base_url.rpartition('@')[2]}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        http = getattr(self, "_http", None)
        if http is not None:
            http.abandon()

    def close(self) -> None:
        """Close the connections for HTTP; handles of running commands have their own."""
        self._http.close()
