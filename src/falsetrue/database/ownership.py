"""◆ Which secret a database belongs to."""

from sqlalchemy import Engine, select

from falsetrue.database.engine import describe, insert_into, reading, writing
from falsetrue.database.secret import Secret
from falsetrue.database.tables import facts
from falsetrue.errors import SecretMismatchError

_FACT = "secret_fingerprint"


def check_secret(engine: Engine, secret: Secret) -> None:
    """Have the database remember which secret it belongs to; raises :class:`SecretMismatchError` for another one."""
    found = owner_of(engine)
    if found is None:
        with writing(engine) as connection:
            insert = insert_into(engine, facts).on_conflict_do_nothing()
            connection.execute(insert, {"name": _FACT, "value": secret.fingerprint})
        found = owner_of(engine)
    if found != secret.fingerprint:
        raise SecretMismatchError(
            f"{describe(engine)}: what is kept there was made with another secret: keys would not be known again, nor "
            "texts; give the one that it was made with (FALSETRUE_SECRET, or the file `secret` of the state folder)"
        )


def owner_of(engine: Engine) -> str | None:
    """The fingerprint of the secret that the database belongs to; ``None`` where it belongs to none yet."""
    with reading(engine) as connection:
        return connection.scalar(select(facts.c.value).where(facts.c.name == _FACT))
