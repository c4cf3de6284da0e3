"""A sandbox server for the console's tests: the control plane's answers, kept in memory, over real ASGI."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx
    from starlette.requests import Request

BASE = "/v2/sandboxes"
KEY = "k-test"


def refusal(status: int, error: str, message: str) -> JSONResponse:
    return JSONResponse({"detail": {"error": error, "message": message}}, status)


def invalid(field: list[str], message: str) -> JSONResponse:
    return JSONResponse({"detail": [{"type": "value_error", "loc": ["body", *field], "msg": message}]}, 422)


def found_in(things: dict[str, dict[str, Any]], kind: str, request: Request) -> Response:
    name = request.path_params["name"]
    return JSONResponse(things[name]) if name in things else refusal(404, "NotFound", f"there is no {kind} '{name}'")


OURS = {"limit", "offset", "cursor", "sort", "q", "status", "template", "pool", "created_by", "include", "total"}


def page(request: Request, key: str, rows: Iterable[dict[str, Any]], searched: tuple[str, ...]) -> JSONResponse:
    """One page of a list as the server gives it, or the whole list where nothing is asked."""
    asked = request.query_params
    found = list(rows)
    if not asked.keys() & OURS:
        return JSONResponse({key: found})
    for name, field in (("status", "status"), ("template", "template_name"), ("pool", "pool_name")):
        if values := asked.getlist(name):
            found = [row for row in found if row.get(field) in values]
    if values := asked.getlist("created_by"):
        found = [row for row in found if row.get("created_by") in values]
    if q := asked.get("q", "").lower():
        found = [row for row in found if any(q in (row.get(field) or "").lower() for field in searched)]
    order = asked.get("sort", "created_at")
    found.sort(key=lambda row: row.get(order.removeprefix("-")) or "", reverse=order.startswith("-"))
    start, limit = int(asked.get("cursor") or asked.get("offset", 0)), int(asked.get("limit", 100))
    more = str(start + limit) if start + limit < len(found) else None
    return JSONResponse({key: found[start : start + limit], "total": len(found), "next_cursor": more})


class FakeApi:
    """One workspace. ``answer_all`` makes every call fail alike; ``seen`` is each request: method, path, actor."""

    def __init__(self) -> None:
        self.templates: dict[str, dict[str, Any]] = {}
        self.sandboxes: dict[str, dict[str, Any]] = {}
        self.pools: dict[str, dict[str, Any]] = {}
        self.volumes: dict[str, dict[str, Any]] = {}
        self.capabilities: dict[str, Any] = {
            "runtime": "namespaces",
            "isolated": True,
            "cpu_limit": True,
            "memory_limit": True,
            "pids_limit": True,
            "storage_limit": False,
            "network": "none",
            "volumes": False,
            "images": ["host"],
            "notes": [],
            "problem": None,
            "remedy": None,
        }
        self.told: dict[str, Any] = {}
        """Answers of reports, by the end of their paths: ``summary``, ``limits``, ``metrics``, ``processes`` and so on;
        a ``JSONResponse`` is a refusal."""
        self.answer_all: JSONResponse | None = None
        self.hide_capabilities = False
        self.refuse_create: JSONResponse | None = None
        self.refuse_delete: dict[str, JSONResponse] = {}
        self.transport: httpx.AsyncBaseTransport | None = None
        """Takes this server's place, to play a network that fails."""
        self.seen: list[tuple[str, str, str | None]] = []
        self.app = Starlette(
            routes=[
                Route(f"{BASE}/capabilities", self.guarded(self.get_capabilities)),
                Route(f"{BASE}/templates", self.guarded(self.all_templates), methods=["GET", "POST"]),
                Route(
                    f"{BASE}/templates/{{name}}", self.guarded(self.one_template), methods=["GET", "PATCH", "DELETE"]
                ),
                Route(f"{BASE}/pools", self.guarded(self.all_pools)),
                Route(f"{BASE}/pools/{{name}}", self.guarded(self.one_pool)),
                Route(f"{BASE}/pools/{{name}}/{{report:str}}", self.guarded(self.report)),
                Route(f"{BASE}/volumes", self.guarded(self.all_volumes)),
                Route(f"{BASE}/volumes/{{name}}", self.guarded(self.one_volume)),
                Route(f"{BASE}/boxes", self.guarded(self.all_boxes), methods=["GET", "POST"]),
                Route(f"{BASE}/boxes/{{name}}", self.guarded(self.one_box), methods=["GET", "PATCH", "DELETE"]),
                Route(f"{BASE}/{{report:str}}", self.guarded(self.report)),
                Route(f"{BASE}/boxes/{{name}}/{{report:str}}", self.guarded(self.report), methods=["GET", "POST"]),
                Route(f"{BASE}/dataplane/{{name}}/{{report:str}}", self.guarded(self.report)),
            ]
        )

    def guarded(self, handler: Any) -> Any:
        async def endpoint(request: Request) -> Response:
            self.seen.append((request.method, request.url.path, request.headers.get("x-sandbox-actor")))
            if self.answer_all is not None:
                return self.answer_all
            if request.headers.get("x-api-key") != KEY:
                return refusal(401, "Unauthorized", "the API key is not valid")
            answer: Response = await handler(request)
            return answer

        return endpoint

    def add_template(self, name: str, image: str = "host", cpu: str = "500m", memory: str = "512Mi") -> None:
        now = datetime.now(UTC).isoformat()
        self.templates[name] = {
            "id": f"id-{name}",
            "name": name,
            "image": image,
            "resources": {"cpu": cpu, "memory": memory, "storage": "1Gi"},
            "volume_mounts": [],
            "created_at": now,
            "updated_at": now,
        }

    def add_sandbox(self, name: str, template: str = "python", status: str = "ready", **fields: Any) -> None:
        now = datetime.now(UTC)
        ttl = fields.get("ttl_seconds") or 0
        self.sandboxes[name] = {
            "id": f"id-{name}",
            "name": name,
            "template_name": template,
            "status": status,
            "status_message": None,
            "dataplane_url": f"http://127.0.0.1:8001/v2/sandboxes/dataplane/id-{name}",
            "created_at": now.isoformat(),
            "updated_at": now.isoformat(),
            "ttl_seconds": ttl,
            "idle_ttl_seconds": 0,
            "expires_at": (now + timedelta(seconds=ttl)).isoformat() if ttl else None,
            "created_by": "owner",
            "last_activity_at": now.isoformat(),
            **fields,
        }

    async def report(self, request: Request) -> Response:
        """What ``told`` has for the path's last part; counts of what there is for ``summary``."""
        name = request.path_params["report"]
        found = self.told.get(name, self.counts() if name == "summary" else None)
        if found is None:
            return Response(status_code=404)
        return found if isinstance(found, Response) else JSONResponse(found)

    def counts(self) -> dict[str, Any]:
        """``GET /summary``."""
        boxes = list(self.sandboxes.values())
        states = {state: sum(box["status"] == state for box in boxes) for state in ("ready", "provisioning", "failed")}
        return {
            "sandboxes": {**states, "warm": 0},
            "templates": len(self.templates),
            "volumes": {},
            "pools": {},
            "ready_replicas": 0,
            "wanted_replicas": 0,
            "idle": [],
            "failed": [box for box in boxes if box["status"] == "failed"],
        }

    async def get_capabilities(self, request: Request) -> Response:
        return Response(status_code=404) if self.hide_capabilities else JSONResponse(self.capabilities)

    async def all_templates(self, request: Request) -> Response:
        if request.method == "GET":
            return page(request, "templates", self.templates.values(), ("name", "image", "created_by"))
        body = await request.json()
        if body["resources"]["cpu"].endswith("potatoes"):
            return invalid(["resources", "cpu"], "not a quantity of CPU: '2 potatoes'")
        if body["name"] in self.templates:
            return refusal(409, "AlreadyExists", f"a template named '{body['name']}' exists")
        self.add_template(body["name"], body["image"], body["resources"]["cpu"], body["resources"]["memory"])
        return JSONResponse(self.templates[body["name"]], 201)

    async def one_template(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.templates:
            return refusal(404, "NotFound", f"there is no template named '{name}'")
        if request.method == "GET":
            return JSONResponse(self.templates[name])
        if request.method == "PATCH":
            new_name = (await request.json())["name"]
            if new_name in self.templates:
                return refusal(409, "NameConflict", f"a template named '{new_name}' exists")
            self.templates[new_name] = {**self.templates.pop(name), "name": new_name}
            return JSONResponse(self.templates[new_name])
        if any(box["template_name"] == name for box in self.sandboxes.values()):
            return refusal(409, "InUse", f"sandboxes use the template '{name}'")
        del self.templates[name]
        return Response(status_code=204)

    async def all_pools(self, request: Request) -> Response:
        return page(request, "pools", self.pools.values(), ("name", "template_name"))

    async def one_pool(self, request: Request) -> Response:
        return found_in(self.pools, "pool", request)

    async def all_volumes(self, request: Request) -> Response:
        return page(request, "volumes", self.volumes.values(), ("name",))

    async def one_volume(self, request: Request) -> Response:
        return found_in(self.volumes, "volume", request)

    async def all_boxes(self, request: Request) -> Response:
        if request.method == "GET":
            return page(request, "sandboxes", self.sandboxes.values(), ("name", "template_name", "created_by"))
        if self.refuse_create is not None:
            return self.refuse_create
        body = await request.json()
        if body["name"] in self.sandboxes:
            return refusal(409, "AlreadyExists", f"a sandbox named '{body['name']}' exists")
        if body["template_name"] not in self.templates:
            return refusal(404, "NotFound", f"there is no template named '{body['template_name']}'")
        lifetimes = {key: body.get(key, 0) for key in ("ttl_seconds", "idle_ttl_seconds")}
        actor = request.headers.get("x-sandbox-actor")
        self.add_sandbox(body["name"], body["template_name"], "provisioning", created_by=actor, **lifetimes)
        return JSONResponse(self.sandboxes[body["name"]], 201)

    def delete_box(self, name: str) -> Response:
        if name in self.refuse_delete:
            return self.refuse_delete[name]
        del self.sandboxes[name]
        return Response(status_code=204)

    async def one_box(self, request: Request) -> Response:
        asked = request.path_params["name"]
        name = next((name for name, box in self.sandboxes.items() if asked in {name, box["id"]}), None)
        if name is None:
            return refusal(404, "NotFound", f"there is no sandbox named '{asked}'")
        if request.method == "PATCH":
            changes = await request.json()
            self.sandboxes[name] |= {key: changes[key] for key in ("ttl_seconds", "idle_ttl_seconds") if key in changes}
            new_name = changes.get("name", name)
            if new_name != name and new_name in self.sandboxes:
                return refusal(409, "NameConflict", f"a sandbox named '{new_name}' exists")
            self.sandboxes[new_name] = {**self.sandboxes.pop(name), "name": new_name}
            return JSONResponse(self.sandboxes[new_name])
        if request.method == "DELETE":
            return self.delete_box(name)
        return JSONResponse(self.sandboxes[name])
