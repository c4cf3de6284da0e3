"""The SDK's two clients. ``_async`` is written by hand; ``_sync`` is generated from it by ``tools/unasync.py``.

``_client``   the control plane: templates, volumes, pools, sandboxes
``_lists``    its lists, whole, by the page or item by item
``_reports``  events, history, limits and usage of a workspace
``_events``   the stream of events, opened again as often as it is lost
``_admin``    the admin API
``_sandbox``  one sandbox: commands and files
``_handle``   one running command
``_link``     that command's WebSocket, opened again as often as it is lost
``_service``  what a program in a sandbox serves, from outside
``_tunnel``   a port of this machine that leads into a sandbox; ``_forwarding`` does its work, for both clients
``_http``     requests with retries
"""

from sandboxcore.client._async._admin import AsyncAdminClient
from sandboxcore.client._async._client import AsyncSandboxClient
from sandboxcore.client._async._events import AsyncEventFeed
from sandboxcore.client._async._handle import AsyncCommandHandle
from sandboxcore.client._async._sandbox import AsyncSandbox
from sandboxcore.client._async._service import AsyncServiceURL
from sandboxcore.client._async._tunnel import AsyncTunnel
from sandboxcore.client._sync._admin import AdminClient
from sandboxcore.client._sync._client import SandboxClient
from sandboxcore.client._sync._events import EventFeed
from sandboxcore.client._sync._handle import CommandHandle
from sandboxcore.client._sync._sandbox import Sandbox
from sandboxcore.client._sync._service import ServiceURL
from sandboxcore.client._sync._tunnel import Tunnel

__all__ = [
    "AdminClient",
    "AsyncAdminClient",
    "AsyncCommandHandle",
    "AsyncEventFeed",
    "AsyncSandbox",
    "AsyncSandboxClient",
    "AsyncServiceURL",
    "AsyncTunnel",
    "CommandHandle",
    "EventFeed",
    "Sandbox",
    "SandboxClient",
    "ServiceURL",
    "Tunnel",
]
