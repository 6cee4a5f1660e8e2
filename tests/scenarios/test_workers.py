"""Several processes that serve from one socket: seen by callers, by their operator, and when they end."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from tests.postgresql import alive, children_of
from tests.scenarios.conftest import Start
from tests.scenarios.shop import (
    Command,
    Emulator,
    Shop,
    body_of,
    eventually,
    plain_client,
    prepare_store,
    problem_of,
    write_config,
)
from tests.scenarios.test_metrics import Samples, scrape

from ordergate.cli.check import check
from ordergate.cli.serve import serve as serve_command

CREATE = {"method": "POST", "path": "*/orders"}
RELOAD = "/v1/admin/reload"


@dataclass
class Together:
    """Two workers, their parent, and what a merchant and an operator see of them."""

    command: Command
    shop: Shop
    operator: Shop

    @property
    def processes(self) -> list[int]:
        return sorted(children_of(self.command.process.pid))

    @property
    def log(self) -> str:
        return self.command.log.read_text()

    async def until(self, condition: Callable[[Samples], bool]) -> list[str]:
        """The hashes of the configurations in force, once the metrics are so."""
        deadline = time.monotonic() + 60
        while not condition(samples := await scrape(self.shop)):
            assert time.monotonic() < deadline, self.log[-2000:]
            await asyncio.sleep(0.05)
        return hashes(samples)


Serve = Callable[..., Any]


@pytest.fixture
def provider() -> str:
    return "revkeen"


@pytest.fixture
def serve(
    start: Start, emulators: Mapping[str, Emulator], provider: str, postgresql_url: str, tmp_path: Path
) -> Serve:
    """Serves, with two workers unless told otherwise; called again, on the same database."""
    mine = {provider: emulators[provider]}
    keys: list[tuple[str, str]] = []

    @asynccontextmanager
    async def begin(workers: int = 2, **settings: Any) -> AsyncIterator[Together]:
        config = write_config(tmp_path, mine, store=postgresql_url, **settings)
        keys.append(keys[0] if keys else await prepare_store(config, mine))
        command = start(
            *("serve", "--config", str(config), "--port", "0", "--workers", str(workers)),
            *("--announce", "--stop-with-stdin"),
        )
        async with plain_client() as client:
            url = await asyncio.to_thread(command.line)
            shop = Shop(url, keys[0][0], provider, mine[provider], client, config)
            yield Together(command, shop, shop.using(keys[0][1]))

    return begin


def workers_in(samples: Samples, name: str, **labels: str) -> dict[str, float]:
    """By worker, the value of a series with these labels."""
    return {
        dict(pairs)["worker"]: value
        for (series, pairs), value in samples.items()
        if series == name and labels.items() <= dict(pairs).items()
    }


def hashes(samples: Samples) -> list[str]:
    """Of the configuration that each worker has."""
    return [dict(pairs)["hash"] for name, pairs in samples if name == "ordergate_configuration_info"]


def test_one_sqlite_file_has_one_server(tmp_path: Path) -> None:
    """Workers on SQLite are refused with what to do instead, by the option, and by the file with its line."""
    config = write_config(tmp_path, {})
    optional = CliRunner().invoke(serve_command, ["--config", str(config), "--workers", "2"])
    write_config(tmp_path, {}, server={"workers": 2})
    served = CliRunner().invoke(serve_command, ["--config", str(config)])
    checked = CliRunner().invoke(check, ["--config", str(config)])

    sentence = "One SQLite file has one server: move the store to PostgreSQL, or leave the workers at 1.\n"
    assert (optional.exit_code, optional.stderr) == (1, sentence)
    for refused in (served, checked):
        assert refused.exit_code == 1
        assert f"{config}:4: server.workers" in refused.stderr
        assert refused.stderr.endswith(sentence)


def test_nowhere_to_put_sockets(postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that have no directory for temporary files do not start, and say which variable names one."""
    config = write_config(tmp_path, {}, store=postgresql_url)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))

    refused = CliRunner().invoke(
        serve_command, ["--config", str(config), "--workers", "2", "--port", "0", "--host", "127.0.0.1"]
    )

    assert refused.exit_code == 1
    assert isinstance(refused.exception, SystemExit)
    assert "set TMPDIR to one that can be written to" in refused.stderr


async def test_workers_share_callers_metrics_and_configuration(serve: Serve) -> None:
    """Both serve, a scrape of either tells of both, and a reload that is answered holds at both."""
    async with serve() as together:
        answers = await asyncio.gather(*(together.shop.create() for _ in range(40)))
        samples = await scrape(together.shop)

        assert {answer.status_code for answer in answers} == {201}
        created = workers_in(samples, "ordergate_requests_total", route="/v1/orders", status="201")
        assert created.keys() == {"1", "2"}
        assert sum(created.values()) == 40
        assert min(created.values()) >= 10
        attempts = workers_in(samples, "ordergate_attempts_total", operation="create", outcome="applied")
        assert sum(attempts.values()) == 40
        assert workers_in(samples, "process_resident_memory_bytes").keys() == {"1", "2"}
        assert workers_in(samples, "ordergate_breaker_state") == {"1": 0, "2": 0}
        of_all = {"ordergate_unknown_operations", "ordergate_journal_up", "ordergate_build_info"}
        assert sorted(
            name for name, pairs in samples if "worker" not in dict(pairs) and name in of_all
        ) == sorted(of_all)

        first = hashes(samples)
        config, right = together.shop.config, together.shop.config.read_text()
        config.write_text(right + "\n[[routing.rules]]\nuse = ['revkeen']\n")
        done = body_of(await together.operator.call("POST", RELOAD), 200)
        second = hashes(await scrape(together.shop))
        assert second == [done["configuration"]["hash"]] * 2
        assert first != second

        config.write_text("[surver]\n")
        problem_of(await together.operator.call("POST", RELOAD), 422, "invalid_request")
        together.command.process.send_signal(signal.SIGHUP)
        await eventually(lambda: together.log.count('"configuration.refused"') == 3)
        assert hashes(await scrape(together.shop)) == second

        os.kill(together.processes[0], signal.SIGKILL)  # the next one cannot read the file
        await eventually(lambda: together.log.count('"worker.started"') == 3)
        assert await together.until(lambda samples: len(hashes(samples)) == 2) == second

        config.write_text(right)
        together.command.process.send_signal(signal.SIGHUP)
        assert (
            await together.until(lambda samples: hashes(samples) != second and len(set(hashes(samples))) == 1)
            == first
        )


async def test_who_dies_leaves_nothing_behind(serve: Serve) -> None:
    """A worker that is killed is replaced, and callers go on; workers whose parent is killed end by themselves."""
    async with serve() as together:
        shop = together.shop
        shop.emulator.faults({"match": CREATE, "at": "after", "do": "delay", "seconds": 1, "times": 2})
        async with plain_client() as one, plain_client() as two:
            callers = [asyncio.create_task(replace(shop, client=each).create()) for each in (one, two)]
            await eventually(lambda: shop.emulator.requests >= 2)
            before = together.processes
            os.kill(before[0], signal.SIGKILL)
            done = await asyncio.gather(*callers, return_exceptions=True)
        assert [type(each) for each in done].count(httpx.Response) == 1

        for _ in range(10):
            body_of(await shop.create(), 201)
        await together.until(lambda samples: len(hashes(samples)) == 2)
        after = together.processes
        assert len({*before, *after}) == 3
        assert '"exit_code":-9' in together.log
        assert len(shop.emulator.orders) == 12
        shop.emulator.faults()
        # What the dead one was at settles without its caller.
        settled = [await shop.settled(each["id"]) for each in await shop.operations()]
        assert [each["outcome"] for each in settled] == ["applied"] * 12

        together.command.kill()
        await eventually(lambda: not any(map(alive, after)), 10)
        with pytest.raises(httpx.ConnectError):
            await shop.create()


@pytest.mark.parametrize("workers", [1, 2])
async def test_end_in_the_middle_of_load_loses_no_answer(serve: Serve, workers: int) -> None:
    """Who was taken is answered, who was not finds nobody; each key leads to one order afterwards.

    Whom the provider, or a busy machine, keeps waiting too long is told that it is not known; the next process finds
    out.
    """
    answers: dict[str, httpx.Response | None] = {}
    async with serve(workers, server={"shutdown_timeout": 1}) as together:
        shop = together.shop
        emulator = shop.emulator
        emulator.faults({"match": CREATE, "at": "after", "do": "delay", "seconds": 120, "times": 1})
        slow = asyncio.create_task(shop.create(key="slow"))
        await eventually(lambda: emulator.requests == 1)
        emulator.faults({"match": CREATE, "at": "after", "do": "delay", "seconds": 0.03})

        async def call(number: int) -> None:
            async with plain_client() as client:
                for turn in range(1000):
                    key = f"{number}-{turn}"
                    answers[key] = None
                    try:
                        answers[key] = await replace(shop, client=client).create(key=key)
                    except httpx.HTTPError:
                        return

        callers = [asyncio.create_task(call(number)) for number in range(8)]
        await eventually(lambda: len(answers) > 40)
        assert await asyncio.to_thread(together.command.end) == 0
        await asyncio.gather(*callers)
        assert problem_of(await slow, 504, "outcome_unknown")["retry"] == "same_key"

    given = {key: answer for key, answer in answers.items() if answer is not None}
    made = {key: answer for key, answer in given.items() if answer.status_code == 201}
    for key in given.keys() - made.keys():
        assert problem_of(given[key], 504, "outcome_unknown")["retry"] == "same_key"
    assert len(answers) - len(given) == len(callers)  # the last of each
    told = range(len(made) + 1, len(given) + 2)
    assert len(emulator.orders) in told, "an order was made whose caller was not told"
    emulator.faults()
    async with serve(1) as again:
        # Nothing waits for anybody but the slow one, which settles.
        await asyncio.gather(
            *(again.shop.settled(each["id"]) for each in await again.shop.operations(state="unknown"))
        )
        assert await again.shop.operations(state="in_progress") == []
        repeated = await asyncio.gather(*(again.shop.create(key=key) for key in answers))
        for key, same in zip(answers, repeated, strict=True):
            assert same.status_code == 201
            assert key not in made or same.content == made[key].content
        body_of(await again.shop.create(key="slow"), 201)
        assert len(emulator.orders) == len(answers) + 1
