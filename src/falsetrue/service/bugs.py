"""What nobody foresaw: answered with 500, and logged without what an error's message may hold."""

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from falsetrue.service.facts import facts_of
from falsetrue.service.logs import as_extra, describe_error
from falsetrue.service.problems import RequestProblem, problem_response

_log = logging.getLogger("falsetrue")


class DiscreetBugs:
    """ASGI middleware: the log says where it happened and what kind of error it was, but not its message.

    A message may repeat the value that caused it, and that value may be news text. To stand within
    :class:`falsetrue.service.observing.Observing`, which knows whether an answer has begun.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http":
                raise
            facts = facts_of(scope)
            about = as_extra(**facts.identifiers())
            _log.error("a bug, please report it: %s at\n%s", *describe_error(error), extra=about)
            if not facts.status:
                problem = RequestProblem("internal", "something went wrong here; the log says where")
                await problem_response(scope["path"], 500, problem)(scope, receive, send)
