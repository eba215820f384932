"""``GET /docs``: the API, to read and to try, by Swagger UI from this very service."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from falsetrue.service.views import Views


def add_documentation(app: FastAPI, views: Views) -> None:
    """Add the route."""

    async def show_documentation(request: Request) -> Response:
        return views.render(request, "docs.html")

    app.add_route("/docs", show_documentation, include_in_schema=False)
