"""◆ Sending what is to be told of alarms to the receiver that the settings name."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPException
from threading import Thread
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from falsetrue import __version__
from falsetrue.errors import InputError
from falsetrue.monitor.deliveries import Deliveries
from falsetrue.monitor.webhooks import check_address, signed_headers, signing_keys

#: Seconds for which the receiver may take to answer, and the system to find it.
PATIENCE: Final = 20.0
#: What a receiver answers that wants no more.
_GONE: Final = 410


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Where messages go, and what they are signed with."""

    url: str = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why the receiver does not have a message."""

    says: str  #: nothing that the receiver wrote
    is_final: bool = False  #: it wants no more


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What came of a round."""

    delivered: int = 0
    failed: int = 0  #: to be tried again
    dead: int = 0  #: given up


def receiver_of(url: str | None, secrets: tuple[str, ...]) -> Receiver | None:
    """The receiver that the settings name; ``None`` for none. Raises :class:`InputError` for what cannot be used."""
    if url is None:
        if secrets:
            raise InputError("FALSETRUE_WEBHOOK_SECRET is set, and FALSETRUE_WEBHOOK_URL is not: alarms go nowhere")
        return None
    return Receiver(url=check_address(url), keys=signing_keys(secrets))


def deliver(
    deliveries: Deliveries,
    receiver: Receiver,
    clock: Callable[[], datetime],
    *,
    is_ended: Callable[[], bool] = lambda: False,
    patience: float = PATIENCE,
) -> Sent:
    """Send everything that is due when it begins, the oldest first; what failed comes again by its schedule.

    ``is_ended`` is asked before each. Raises :class:`DatabaseError`.
    """
    began = clock()
    deliveries.forget(began)
    delivered = failed = dead = 0
    while not is_ended() and (delivery := deliveries.take(clock(), due=began)) is not None:
        failure = send(receiver, delivery.id, delivery.payload, clock(), patience=patience)
        if failure is None:
            deliveries.delivered(delivery, clock())
            delivered += 1
        elif deliveries.failed(delivery, failure.says, clock(), is_final=failure.is_final):
            dead += 1
        else:
            failed += 1
    return Sent(delivered=delivered, failed=failed, dead=dead)


class _NoRedirects(HTTPRedirectHandler):
    """A message goes to the address that the operator set, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def send(
    receiver: Receiver, identifier: str, message: str, now: datetime, *, patience: float = PATIENCE
) -> Failure | None:
    """One attempt; why the receiver does not have it, or ``None``. Any answer of 2xx says that it has."""
    headers = {
        **signed_headers(receiver.keys, identifier, now, message),
        "content-type": "application/json",
        "user-agent": f"falsetrue/{__version__}",
    }
    request = Request(receiver.url, message.encode(), headers, method="POST")  # noqa: S310 - check_address
    outcome: list[Failure | None] = []
    # Timeouts of sockets are for each step: neither a slow name server nor an answer in drops would come to an end.
    attempt = Thread(target=lambda: outcome.append(_post(request, patience)), name="webhook", daemon=True)
    attempt.start()
    attempt.join(patience)
    return outcome[0] if outcome else _silence(patience)


def _silence(patience: float) -> Failure:
    return Failure(says=f"no answer within {patience:g} s")


def _post(request: Request, patience: float) -> Failure | None:
    handlers: list[Any] = [HTTPSHandler(context=ssl.create_default_context()), _NoRedirects]
    if request.type == "http":  # to this machine, which a proxy elsewhere would not know
        handlers.append(ProxyHandler({}))
    try:
        with build_opener(*handlers).open(request, timeout=patience):
            return None
    except HTTPError as error:
        with error:
            return Failure(says=f"HTTP {error.code}", is_final=error.code == _GONE)
    except TimeoutError:
        return _silence(patience)
    except (OSError, HTTPException, ValueError) as error:
        return _silence(patience) if isinstance(_reason(error), TimeoutError) else Failure(says=_in_words(error))


def _reason(error: Exception) -> object:
    return error.reason if isinstance(error, URLError) else error


def _in_words(error: Exception) -> str:
    """What the system says; of an answer that is no HTTP only that, as it would be repeated."""
    reason = _reason(error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted: {reason.verify_message}"
    said = reason.strerror if isinstance(reason, OSError) else None
    return said or type(reason).__name__
