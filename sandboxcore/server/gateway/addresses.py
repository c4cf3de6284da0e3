"""Where a program inside a sandbox is found from outside.

A browser gets an origin for each sandbox and port, ``http://<label>.<domain>:<port>/``, so that no two of them, nor the
console or the API, share cookies, storage or scripts. A program outside gets ``http://<host>:<port>/<label>/``, which
needs no DNS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from sandboxcore.server.config import Settings

_LABEL = re.compile(r"[1-9][0-9]{0,4}-[0-9a-f]{32}")
_HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_PATH = re.compile(rb"/(?P<label>[0-9a-f-]+)(?P<rest>/.*)?", re.DOTALL)


def label_of(sandbox_id: str, port: int) -> str:
    """The name of a sandbox's port: one DNS label."""
    return f"{port}-{sandbox_id.replace('-', '')}"


@dataclass(frozen=True, slots=True)
class Place:
    """What a request is for, by its address alone."""

    label: str
    path: bytes
    """As the program is to see it, percent-encoded as it came."""
    scheme: str
    host: str
    """As the client named it, with its port."""
    prefix: str
    """What stood before the program's path: empty on an origin of its own, ``/<label>`` on the shared one."""

    @property
    def origin(self) -> str:
        """The origin that the client used."""
        return f"{self.scheme}://{self.host}"

    @property
    def has_own_origin(self) -> bool:
        """Whether nothing else is served on this origin, so that a browser may be let in."""
        return not self.prefix


class Addresses:
    """Makes and reads the addresses of services; ``port`` is set to the listener's when that is known."""

    def __init__(self, settings: Settings) -> None:
        public = urlsplit(settings.service_public_url)
        self.port = settings.service_port
        self.scheme = public.scheme or "http"
        self._domain = (settings.service_domain or public.hostname or "localhost").lower()
        self._public = settings.service_public_url
        self._public_port = public.port

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by TLS."""
        return self.scheme == "https"

    def for_browsers(self, label: str) -> str:
        """The origin of a service."""
        port = self._public_port if self._public else self.port
        return f"{self.scheme}://{label}.{self._domain}{'' if port is None else f':{port}'}"

    def for_programs(self, label: str, api_host: str) -> str:
        """The base of a service's addresses; ``api_host`` is the Host header that reached the API."""
        if self._public:
            return f"{self._public}/{label}"
        match = _HOST.fullmatch(api_host.lower())
        return f"http://{match['name'] if match else '127.0.0.1'}:{self.port}/{label}"

    def read(self, host: str, path: bytes) -> Place | None:
        """What an address means; None where it names no service."""
        match = _HOST.fullmatch(host.lower())
        if match is None:
            return None
        label, _, domain = match["name"].partition(".")
        if domain == self._domain and _LABEL.fullmatch(label):
            return Place(label, path or b"/", self.scheme, match[0], "")
        first = _PATH.fullmatch(path)
        if first is None or not _LABEL.fullmatch(first["label"].decode()):
            return None
        label = first["label"].decode()
        return Place(label, first["rest"] or b"/", self.scheme, match[0], f"/{label}")
