"""The Railway project that serves falsetrue; ``railway config plan`` compares it with what runs.

Needs ``pip install railway-sdk``. Name your repository when you call it, so that the service stays
connected to it: ``GITHUB_REPOSITORY=owner/name railway config plan``. See docs/how-to/deploy-on-railway.md.
"""  # noqa: INP001 - read by its path, no package

import os
from typing import Any

from railway_sdk import Project, define_railway, github, project, service

#: Hashes hold for what serves and for what builds; the second command adds the package itself.
BUILD = (
    "pip install --require-hashes -r requirements.txt -r requirements-build.txt"
    " && pip install --no-deps --no-build-isolation ."
)
#: Nobody is asked for a key: said aloud, or a public address is refused.
START = "python -m falsetrue serve --host 0.0.0.0 --port $PORT --allow-anonymous"


@define_railway
def main(ctx: dict[str, Any] | None = None) -> Project:
    """One service, built by Railpack from GitHub. ``ctx`` is the project and environment at hand."""
    repository = os.environ.get("GITHUB_REPOSITORY")
    web = service(
        "falsetrue",
        source=github(repository) if repository else None,
        build={"builder": "RAILPACK", "buildCommand": BUILD},
        start=START,
        healthcheck="/readyz",
        deploy={
            "overlapSeconds": 20,
            "drainingSeconds": 30,
            "restartPolicyType": "ON_FAILURE",
            "restartPolicyMaxRetries": 10,
        },
        # Together less than drainingSeconds, or requests in flight would be cut off.
        env={"FALSETRUE_DRAIN_SECONDS": "5", "FALSETRUE_STOP_SECONDS": "20"},
    )
    return project((ctx or {}).get("projectName") or "falsetrue", resources=[web])
