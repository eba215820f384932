"""◆ The page's own files: an address holds its content's digest, so that browsers may keep it for ever."""

import gzip
import hashlib
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
#: Where a file's name ends -> its media type; others are not served.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


class Assets:
    """The files of a folder that may be served, listed once: nothing else can be named."""

    def __init__(self, folder: Path = FOLDER) -> None:
        files = [path for path in sorted(folder.rglob("*")) if path.suffix in TYPES]
        self._files = {path.relative_to(folder).as_posix(): path for path in files}
        self._digests = {name: _digest(path) for name, path in self._files.items()}

    def url(self, name: str) -> str:
        """The address of a file; raises :class:`KeyError` where there is none."""
        return f"/static/{self._digests[name]}/{name}"

    async def respond(self, request: Request) -> Response:
        """Answer ``GET /static/DIGEST/NAME``."""
        name = request.path_params["name"]
        if self._digests.get(name) != request.path_params["digest"]:
            raise HTTPException(404)
        path = self._files[name]
        headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(_compressed(path), headers=headers, media_type=TYPES[path.suffix])
        return Response(path.read_bytes(), headers=headers, media_type=TYPES[path.suffix])


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@cache
def _compressed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 6, mtime=0)
