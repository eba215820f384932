"""``falsetrue monitor webhook``."""

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from falsetrue.cli.exit_codes import BAD_INPUT
from falsetrue.cli.journal import opened
from falsetrue.cli.options import AsJson
from falsetrue.cli.output import print_error, print_json
from falsetrue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from falsetrue.jobs.deliver import Receiver
    from falsetrue.monitor.deliveries import Deliveries, Delivery
    from falsetrue.settings import Settings

app = typer.Typer(help="Alarms as they are told to others.", no_args_is_help=True, rich_markup_mode=None)

#: Deliveries of a list at most.
_LISTED = 100


@app.command(name="test")
def try_it(as_json: AsJson = False) -> None:
    """Send a message that tells of nothing, once, and say whether it arrived."""
    from falsetrue.jobs.deliver import send
    from falsetrue.journal.identifiers import Identifiers
    from falsetrue.monitor.webhooks import trial_message
    from falsetrue.settings import load_settings

    receiver, now, identifier = _receiver(load_settings()), datetime.now(UTC), Identifiers().new()
    failure = send(receiver, identifier, trial_message(now), now)
    if as_json:
        print_json({"id": identifier, "delivered": failure is None, "error": failure and failure.says})
    elif failure is None:
        typer.echo(f"{identifier}: delivered")
    else:
        print_error(f"falsetrue: {identifier}: not delivered to FALSETRUE_WEBHOOK_URL: {failure.says}")
    if failure is not None:
        raise typer.Exit(BAD_INPUT)


@app.command(name="list")
def list_deliveries(as_json: AsJson = False) -> None:
    """List what was told of alarms, the newest first, and what became of it."""
    with _deliveries() as (deliveries, _):
        found = deliveries.newest(_LISTED)
    if as_json:
        print_json([{"fate": each.fate, "delivery": each} for each in found])
    else:
        typer.echo("\n".join(map(_line, found)) or "no deliveries")


@app.command()
def resend(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="Its id, or how that begins.")],
    as_json: AsJson = False,
) -> None:
    """Have a delivery sent again, with its id and as often as at first: by `monitor watch`."""
    with _deliveries() as (deliveries, _):
        delivery = deliveries.resend(identifier, datetime.now(UTC))
    if as_json:
        print_json(delivery)
    else:
        typer.echo(f"{delivery.id}: waits for falsetrue monitor watch")


def deliver_due(is_ended: "Callable[[], bool]" = lambda: False) -> datetime | None:
    """Send what is due, where there is a receiver; when there is something to send again, if ever.

    What could not be delivered is said on standard error.
    """
    with _deliveries() as (deliveries, settings):
        from falsetrue.jobs.deliver import deliver, receiver_of

        receiver = receiver_of(settings.webhook_url, settings.webhook_secret)
        if receiver is None:
            return None
        sent = deliver(deliveries, receiver, lambda: datetime.now(UTC), is_ended=is_ended)
        if sent.failed or sent.dead:
            print_error(
                f"falsetrue: webhook: {sent.failed} could not be delivered and come again, {sent.dead} are given up; "
                "falsetrue monitor webhook list says why"
            )
        return deliveries.next_due()


@contextmanager
def _deliveries() -> "Iterator[tuple[Deliveries, Settings]]":
    from falsetrue.monitor.deliveries import Deliveries

    with opened() as (engine, settings):
        yield Deliveries(engine), settings


def _receiver(settings: "Settings") -> "Receiver":
    from falsetrue.jobs.deliver import receiver_of

    receiver = receiver_of(settings.webhook_url, settings.webhook_secret)
    if receiver is None:
        raise InputError("FALSETRUE_WEBHOOK_URL is not set: alarms are told to nobody")
    return receiver


def _line(delivery: "Delivery") -> str:
    from falsetrue.monitor.deliveries import Fate

    when = {
        Fate.DELIVERED: delivery.delivered_at,
        Fate.DEAD: delivery.dead_at,
        Fate.WAITING: delivery.next_attempt_at,
    }[delivery.fate]
    said = "given up" if delivery.fate is Fate.DEAD else delivery.fate.value
    until = "until " if delivery.fate is Fate.WAITING else ""
    error = f"; {delivery.last_error}" if delivery.last_error else ""
    return (
        f"{delivery.id}  {delivery.event:<12}  {said} {until}{when:%Y-%m-%d %H:%M} UTC; "
        f"attempts: {delivery.attempts}{error}"
    )
