"""Who calls, and what a key lets him do."""

from datetime import timedelta

import pytest
from tests.builders import NOON
from tests.unit.gateway.conftest import gateway_of

from ordergate.domain.errors import Problem
from ordergate.domain.mode import World
from ordergate.gateway.access.authentication import identify
from ordergate.gateway.access.caller import MERCHANT_SCOPES, Caller, hash_key, make_key
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal


async def _identified(journal: Journal, authorization: str | None) -> Caller:
    return await identify(gateway_of(journal), authorization, "192.0.2.1")


async def _kept(
    journal: Journal, *, merchant: str | None = "acme", world: World = "test", hours: int | None = None
) -> tuple[str, str]:
    """Keep a new key and return its id and the key itself."""
    key, token = make_key(
        merchant=merchant,
        world=world,
        scopes=("orders:read",),
        now=NOON,
        expires_at=None if hours is None else NOON + timedelta(hours=hours),
    )
    await journal.write(tx.keys.add(key, hash_key(token)))
    return key.id, token


async def _refused(journal: Journal, authorization: str | None) -> Problem:
    with pytest.raises(Problem) as refused:
        await _identified(journal, authorization)
    assert refused.value.code == "unauthenticated"
    return refused.value


@pytest.mark.parametrize("world", ["test", "live"])
async def test_a_key_says_who_calls(journal: Journal, world: World) -> None:
    """A kept key is its merchant's, in its world, with its scopes, and says the world in its first letters."""
    identifier, token = await _kept(journal, world=world)

    caller = await _identified(journal, f"Bearer {token}")

    assert token.startswith(f"og_{world}_")
    assert caller == Caller(
        key=identifier,
        merchant="acme",
        world=world,
        operator=False,
        scopes=frozenset({"orders:read"}),
    )


async def test_the_scheme_is_read_in_any_case(journal: Journal) -> None:
    """HTTP's scheme names know no case, and a blank after the key does no harm."""
    _, token = await _kept(journal)

    for authorization in (f"bearer {token}", f"BEARER {token}", f"Bearer {token} "):
        assert (await _identified(journal, authorization)).merchant == "acme"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        " ",
        "Bearer",
        "Bearer ",
        "{token}",
        "Basic {token}",
        "Token {token}",
        "Bearer{token}",
        "Bearer: {token}",
        "Bearer Bearer {token}",
        "Bearer rk_live_x",
        "Bearer og_prod_x",
        "Bearer {token}x",
        "Bearer x{token}",
        "Bearer {shorter}",
        "Bearer {upper}",
        "Bearer og_test_",
        "Bearer og_test_ä\ud800".encode("utf-8", "replace").decode(),
        "Bearer og_live_{rest}",
    ],
)
async def test_anything_else_is_nobody(journal: Journal, authorization: str | None) -> None:
    """Another scheme, a key's part, a changed key and a key of the other world name nobody."""
    _, token = await _kept(journal)
    sent = authorization and authorization.format(
        token=token, shorter=token[:-1], upper=token.upper(), rest=token.removeprefix("og_test_")
    )

    problem = await _refused(journal, sent)

    assert token not in problem.detail


async def test_an_unknown_and_a_revoked_key_are_told_alike(journal: Journal) -> None:
    """A key that never was and one that was revoked get the same answer."""
    identifier, token = await _kept(journal)
    _, unknown = make_key(merchant="acme", world="test", scopes=(), now=NOON)
    await journal.write(tx.keys.revoke(identifier, NOON))

    revoked, never = await _refused(journal, f"Bearer {token}"), await _refused(journal, f"Bearer {unknown}")

    assert revoked.detail == never.detail


@pytest.mark.parametrize(("hours", "alive"), [(1, True), (0, False), (-1, False), (None, True)])
async def test_a_key_ends_at_its_time(journal: Journal, hours: int | None, alive: bool) -> None:
    """A key works until its last moment, and not in it."""
    _, token = await _kept(journal, hours=hours)

    if alive:
        assert (await _identified(journal, f"Bearer {token}")).merchant == "acme"
    else:
        assert "expired" in (await _refused(journal, f"Bearer {token}")).detail


async def test_the_journal_never_holds_a_key(journal: Journal) -> None:
    """What is kept of a key is its hash: neither its record nor its row gives it away."""
    _, token = await _kept(journal)

    assert token not in repr(await journal.read(tx.keys.list_all()))
    assert len(hash_key(token)) == 32
    assert hash_key(token) != hash_key(token + "x")


async def test_keys_are_never_the_same() -> None:
    """Every key is random, and long enough not to be guessed."""
    tokens = {make_key(merchant="acme", world="test", scopes=(), now=NOON)[1] for _ in range(100)}

    assert len(tokens) == 100
    assert all(len(token) >= len("og_test_") + 43 for token in tokens)


def _caller(*, merchant: str | None = "acme", scopes: tuple[str, ...] = ("orders:read",)) -> Caller:
    return Caller(
        key="key_1", merchant=merchant, world="test", operator=merchant is None, scopes=frozenset(scopes)
    )


def test_a_scope_is_needed_and_named() -> None:
    """A key without the scope is refused with the scope's name; an operator needs none."""
    _caller().require("orders:read")
    _caller(merchant=None, scopes=()).require("admin")

    for scope in {*MERCHANT_SCOPES, "admin"} - {"orders:read"}:
        with pytest.raises(Problem, match=scope) as refused:
            _caller().require(scope)
        assert refused.value.code == "forbidden"


def test_an_operator_has_no_orders_of_his_own() -> None:
    """What belongs to a merchant needs a merchant's key."""
    assert _caller().require_merchant() == "acme"
    with pytest.raises(Problem, match="forbidden"):
        _caller(merchant=None).require_merchant()


@pytest.mark.parametrize(
    ("caller", "merchant", "world", "sees"),
    [
        ("acme", "acme", "test", True),
        ("acme", "other", "test", False),
        ("acme", "acme", "live", False),
        (None, "acme", "test", True),
        (None, "acme", "live", False),
    ],
)
def test_who_may_know_that_something_exists(
    caller: str | None, merchant: str, world: World, sees: bool
) -> None:
    """A merchant sees his own, an operator everybody's, and nobody the other world's."""
    assert _caller(merchant=caller).sees(merchant, world) is sees
