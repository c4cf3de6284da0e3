"""``/docs``: the API's description in a browser, from assets that the server itself holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from fastapi import FastAPI

STATIC = Path(__file__).parent.parent / "static"
SWAGGER = "vendor/swagger-ui-5.35.0"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Styles are the one thing inline: Swagger UI sets some on its elements."""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox API</title>
<link rel="stylesheet" href="{root}/docs/assets/{swagger}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{root}/docs/assets/{swagger}/swagger-ui-bundle.js"></script>
<script src="{root}/docs/assets/docs.js"></script>
</body>
</html>
"""

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The page."""
    page = _PAGE.format(root=request.scope.get("root_path", ""), swagger=SWAGGER)
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"})


def mount_docs(app: FastAPI) -> None:
    """Serve the page and its assets."""
    app.include_router(router)
    app.mount("/docs/assets", StaticFiles(directory=STATIC), name="docs-assets")
