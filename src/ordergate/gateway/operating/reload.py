"""Takes a new configuration into force while the gateway runs: checked as a whole, swapped at once, or not at all."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NoReturn

import msgspec
import structlog

from ordergate.domain.errors import FieldError, Problem
from ordergate.gateway.accounts.configuration import Configuration, ConfigurationError
from ordergate.gateway.operating.gauges import own_exposition
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError

_PATIENCE = 15.0
"""Seconds that siblings get to reload."""

_DONE = b"reloaded"

_log = structlog.get_logger("ordergate.configuration")


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a reload.

    Attributes:
        changed: The content is another one than before.
        restart_needed: Keys whose new values take effect only after a restart.
    """

    configuration: Configuration
    changed: bool
    restart_needed: tuple[str, ...]


async def reload(runtime: Runtime) -> Reloaded:
    """Read the configuration again and replace the present one; operations in progress end at their account.

    Raises:
        Problem: ``invalid_request`` with all errors, or ``invalid_state`` if a removed account still has open orders or
            unsettled operations. Nothing changes then.
        JournalUnavailableError: Whether any are left cannot be seen; nothing is changed.
    """
    if runtime.reloads.read_configuration is None:
        raise Problem("invalid_state", "This process was not started from a configuration file.")
    async with runtime.reloads.lock:
        new = await _read(runtime.reloads.read_configuration)
        async with runtime.account_swap.writer:
            try:
                await _refuse_orphans(runtime, new)
            except JournalUnavailableError as error:
                _log.error("configuration.refused", errors=[str(error)])
                raise
            before = runtime.configuration
            # Fixed settings keep their values from the start of the process.
            runtime.configuration = msgspec.structs.replace(new, fixed=before.fixed)
            runtime.transport.retain_only(new.accounts.values())
    if runtime.siblings is not None:
        runtime.siblings.reloaded()
    restart = tuple(_differences(before, new))
    _log.info("configuration.loaded", hash=new.hash, before=before.hash, restart_needed=list(restart))
    return Reloaded(configuration=new, changed=new.hash != before.hash, restart_needed=restart)


async def reload_all(runtime: Runtime) -> Reloaded:
    """Reload this process, and then the others that serve from the same socket.

    Raises:
        Problem: This process refused, as :func:`reload` does, and nothing changes. Or a sibling refused: it keeps its
            configuration, and the others have the new one.
        JournalUnavailableError: As :func:`reload`.
    """
    done = await reload(runtime)
    if runtime.siblings is not None:
        for number, answer in (await runtime.siblings.ask("reload", seconds=_PATIENCE)).items():
            if answer != _DONE:
                _refuse_for(number, answer)
    return done


def answers_to_siblings(runtime: Runtime) -> Mapping[str, Callable[[], Awaitable[bytes]]]:
    """Return the function that answers a sibling's request for a reload."""
    return {"metrics": partial(own_exposition, runtime), "reload": partial(_reload_for_sibling, runtime)}


async def _reload_for_sibling(runtime: Runtime) -> bytes:
    try:
        await reload(runtime)
    except Problem as problem:
        return msgspec.json.encode((problem.code, problem.detail))
    except JournalUnavailableError as error:
        return msgspec.json.encode(("store_unavailable", f"{error}."))
    return _DONE


def _refuse_for(number: int, answer: bytes | None) -> NoReturn:
    code, detail = ("overloaded", "It did not answer.") if answer is None else _refusal.decode(answer)
    raise Problem(
        code,
        f"Worker {number} keeps its earlier configuration, and the worker of this answer has the new one. "
        f"{detail} Reload again.",
    )


async def _read(read_configuration: Callable[[], Awaitable[Configuration]]) -> Configuration:
    try:
        return await read_configuration()
    except ConfigurationError as error:
        _log.error("configuration.refused", errors=error.lines)
        errors = [FieldError(pointer="", code="invalid_configuration", detail=line) for line in error.lines]
        raise Problem(
            "invalid_request",
            f"The configuration is wrong, so nothing was changed: {error.lines[0]}",
            errors=errors,
        ) from error


async def _refuse_orphans(runtime: Runtime, new: Configuration) -> None:
    """An order stays with its account for life, so that account stays too; nor does an account become another."""
    errors = []
    for name, account in runtime.configuration.accounts.items():
        kept = new.accounts.get(name)
        if kept is not None and (kept.adapter.name, kept.environment) == (
            account.adapter.name,
            account.environment,
        ):
            continue
        use = await runtime.journal.read(tx.orders.account_use(name))
        if use.open_orders or use.unsettled:
            what = "removed" if kept is None else "turned into another provider's or environment's"
            detail = (
                f"[accounts.{name}] cannot be {what}: it has {use.open_orders} open orders and {use.unsettled} "
                'unsettled operations. Keep it with accept = "existing" until they have ended.'
            )
            errors.append(FieldError(pointer=f"/accounts/{name}", code="account_in_use", detail=detail))
    if errors:
        _log.error("configuration.refused", errors=[error.detail for error in errors])
        raise Problem("invalid_state", f"Nothing was changed. {errors[0].detail}", errors=errors)


def _differences(before: Configuration, new: Configuration) -> list[str]:
    return [
        f"{section}.{key}"
        for section, values in new.fixed.items()
        for key, value in values.items()
        if before.fixed.get(section, {}).get(key) != value
    ]


_refusal = msgspec.json.Decoder(tuple[str, str])
