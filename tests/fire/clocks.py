"""The clock jumps: keys, tokens and quotas stay what they were, and the journal keeps its order."""

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import OctKey
from tests.fire.ledger import sqlite_rows
from tests.fire.load import PATH, TEXT
from tests.fire.service import Service, ask, falsetrue, running

_ISSUER, _AUDIENCE, _SECRET = "https://issuer.example", "falsetrue", "a secret of the fire drill, long enough"
_LIBRARY = "libfaketimeMT.so.1"
#: Offsets one after the other, as libfaketime reads them.
JUMPS = ("+0", "+400d", "-400d", "+0", "-1h", "+2h", "+0")
_QUOTA = 3


class NoFaketimeError(Exception):
    """The library that lets a process see another time is not on this machine."""


@dataclass(frozen=True, kw_only=True)
class _Callers:
    """What they show."""

    lasting: str  #: a key that does not expire
    ending: str  #: a key for 90 days
    limited: str  #: a key for three requests a second
    token: str  #: good for an hour


def jump(jumps: Sequence[str] = JUMPS) -> str:
    """Raises where anything is refused or let in that should not be."""
    library = _find_library()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        offset = folder / "offset"
        offset.write_text(jumps[0])
        service = Service(folder, settings={"jwt_issuer": _ISSUER, "jwt_audience": _AUDIENCE, "jwt_secret": _SECRET})
        service.environment |= {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        callers = _Callers(
            lasting=_make_key(folder, "lasting"),
            ending=_make_key(folder, "ending", "--expires", "90d"),
            limited=_make_key(folder, "limited", "--quota", f"{_QUOTA}/s"),
            token=_make_token(),
        )
        with running(service):
            made = []
            for number, where in enumerate(jumps):
                offset.write_text(where)
                made += _look(service, callers, where, number)
            assert "Traceback" not in service.log, service.log
        rows = sqlite_rows(folder)
    _check_order(made, rows)
    return f"the clock jumped {', '.join(jumps)}: keys, tokens and quotas as they should be, {len(rows)} rows in order"


def _find_library() -> str:
    found = sorted(Path("/usr/lib").glob(f"**/{_LIBRARY}"))
    if not found:
        raise NoFaketimeError("there is no libfaketime on this machine; Debian's package is faketime")
    return str(found[0])


def _make_key(folder: Path, name: str, *options: str) -> str:
    done = falsetrue("keys", "create", "--name", name, "--scopes", "classify,read", "--json", *options, folder=folder)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["key"])


def _make_token() -> str:
    now = int(time.time())
    claims = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": "drill", "scope": "classify", "iat": now, "exp": now + 3600}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(_SECRET))


def _classify(service: Service, shown: str, item: str) -> tuple[int, str | None]:
    body = {"items": [{"text": TEXT, "id": item}]}
    status, content = ask(service.port, "POST", PATH, body, shown=shown)
    answered = json.loads(content)["results"][0]["prediction_id"] if status == 200 else None
    return status, answered


def _look(service: Service, callers: _Callers, where: str, number: int) -> list[str]:
    """What each caller gets now; gives the identifiers of predictions."""
    found = [
        _classify(service, shown, f"{name}-{number}-0")
        for name, shown in (("lasting", callers.lasting), ("ending", callers.ending), ("token", callers.token))
    ]
    expected = [200, 401 if where == "+400d" else 200, 200 if where == "+0" else 401]
    statuses = [status for status, _ in found]
    assert statuses == expected, f"{where}: {statuses} instead of {expected}"
    return [made for _, made in found if made] + _check_quota(service, callers.limited, where, number)


def _check_quota(service: Service, shown: str, where: str, number: int) -> list[str]:
    """A second after a jump, a new window has begun, and holds no more than it may."""
    time.sleep(1.1)
    answers = [_classify(service, shown, f"limited-{number}-{again}") for again in range(4 * _QUOTA)]
    statuses = [status for status, _ in answers]
    assert statuses[0] == 200, f"{where}: {statuses}"
    assert set(statuses) == {200, 429}, f"{where}: {statuses}"
    return [made for _, made in answers if made]


def _check_order(made: list[str], rows: list[tuple[str, str | None]]) -> None:
    assert all(one < other for one, other in pairwise(made)), "identifiers go back"
    assert [identifier for identifier, _ in rows] == made, "rows are not those that were told of, in their order"
