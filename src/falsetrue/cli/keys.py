"""``falsetrue keys``."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falsetrue.cli.options import AsJson
from falsetrue.cli.output import print_error, print_json

if TYPE_CHECKING:
    from falsetrue.access.key_store import KeyStore, NewKey
    from falsetrue.access.keys import ApiKey

app = typer.Typer(help="The keys of callers.", no_args_is_help=True, rich_markup_mode=None)

Named = Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="As `keys list` shows them.")]


@app.command()
def create(
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Who it is for.")],
    scopes: Annotated[
        str, typer.Option("--scopes", metavar="SCOPES", help="Of classify, feedback, read, metrics, admin.")
    ] = "classify",
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="TIME", help="After how long it ends, as 90d; nothing: never.")
    ] = None,
    quota: Annotated[
        str | None, typer.Option("--quota", metavar="QUOTA", help="Requests at most, as 10/s, 600/min or 50000/day.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, and print it: it is shown this once.

    With the first key the service is closed to callers without one.
    """
    from falsetrue.access.keys import parse_quota, parse_scopes, parse_time

    allowed, limit = parse_scopes(scopes), parse_quota(quota) if quota else None
    lifetime = parse_time(expires) if expires else None
    with _open() as (store, pepper):
        made = store.create(
            name, scopes=allowed, quota=limit, lifetime=lifetime, pepper=pepper, now=_now(), who=_user()
        )
    _show_new(made, as_json=as_json)


@app.command()
def rotate(
    name_or_id: Named,
    grace: Annotated[str, typer.Option("--grace", metavar="TIME", help="How long the old key stays valid.")] = "24h",
    as_json: AsJson = False,
) -> None:
    """Make another key like one, and print it; the old one ends after a time of grace."""
    from falsetrue.access.keys import parse_time

    length = parse_time(grace)
    with _open() as (store, pepper):
        made = store.rotate(name_or_id, pepper=pepper, now=_now(), who=_user(), grace=length)
    _show_new(made, as_json=as_json)


@app.command()
def revoke(name_or_id: Named, as_json: AsJson = False) -> None:
    """End a key, or all of a name, within a second and for good."""
    with _open() as (store, _):
        ended = store.revoke(name_or_id, now=_now(), who=_user())
    if as_json:
        print_json([_row(key) for key in ended])
        return
    for key in ended:
        typer.echo(f"{key.name} ({key.id}) is revoked")


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List all keys, the oldest first; never a key itself, which nobody keeps."""
    with _open() as (store, _):
        rows = [_row(key) for key in store.all()]
    if as_json:
        print_json(rows)
        return
    _print_table(
        ("name", "id", "begins", "state", "scopes", "quota", "created", "expires", "last used"),
        [
            (
                *(row["name"], row["id"], row["shown"], row["state"], ",".join(row["scopes"]), row["quota"] or "-"),
                *(_show_time(row[when]) for when in ("created_at", "expires_at", "last_used_at")),
            )
            for row in rows
        ],
    )


@app.command()
def history(
    name_or_id: Annotated[str | None, typer.Argument(metavar="[NAME_OR_ID]", help="Nothing: all keys.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what became of the keys, the oldest first, and who did it."""
    with _open() as (store, _):
        events = store.history(name_or_id)
    if as_json:
        print_json([{"at": e.at, "name": e.name, "id": e.key_id, "what": e.what, "who": e.who} for e in events])
        return
    _print_table(
        ("at", "name", "id", "what", "who"), [(_show_time(e.at), e.name, e.key_id, e.what, e.who) for e in events]
    )


@contextmanager
def _open() -> Iterator[tuple["KeyStore", bytes]]:
    """The keys of the database that is set, and the pepper of new ones."""
    from falsetrue.access.key_store import KeyStore
    from falsetrue.access.keys import PEPPER
    from falsetrue.settings import load_settings
    from falsetrue.wiring import open_storage

    storage = open_storage(load_settings())
    try:
        yield KeyStore(storage.engine()), storage.secret.key(PEPPER)
    finally:
        storage.close()


def _now() -> datetime:
    return datetime.now(UTC)


def _user() -> str:
    """Who runs this, for the history: a name, or the number of a user who has none."""
    import os
    import pwd

    try:
        return f"os:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"os:{os.getuid()}"


def _show_new(made: "NewKey", *, as_json: bool) -> None:
    kept, old = made.kept, made.replaces
    if as_json:
        print_json({"key": made.key, **_row(kept), "replaces": _row(old) if old else None})
        return
    ends = f"expires at {_show_time(kept.expires_at)}" if kept.expires_at else "never expires"
    said = _row(kept)
    quota = f", {said['quota']}" if said["quota"] else ""
    print_error(f"falsetrue: {kept.name} ({kept.id}) may {', '.join(said['scopes'])}{quota}, and {ends}")
    if old and old.expires_at:
        print_error(f"falsetrue: the key before it ({old.id}) ends at {_show_time(old.expires_at)}")
    print_error("falsetrue: the key is shown this once; nobody can read it again:")
    typer.echo(made.key)


def _row(key: "ApiKey") -> dict[str, Any]:
    from falsetrue.access.keys import show_quota, show_scopes

    quota = show_quota(key.quota) if key.quota else None
    return {
        "id": key.id,
        "name": key.name,
        "shown": key.shown,
        "state": "revoked" if key.revoked_at else "live" if key.is_live(_now()) else "expired",
        "scopes": show_scopes(key.scopes).split(","),
        "quota": quota,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "replaced_by": key.replaced_by,
    }


def _show_time(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC" if when else "-"


def _print_table(names: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        typer.echo("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
