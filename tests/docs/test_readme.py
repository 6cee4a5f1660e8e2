"""The README and the shipped configuration are true."""

import re
import shlex
from pathlib import Path

import click
import msgspec
import pytest

from ordergate.cli import main
from ordergate.domain.draft import Draft, draft_errors
from ordergate.domain.order import Order
from ordergate.settings import (
    load_settings,
)
from ordergate.web import examples

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_order_in_the_readme_is_a_draft() -> None:
    """The JSON that a newcomer copies is accepted as it stands, and costs what the text says."""
    (block,) = _blocks("json")
    draft = msgspec.json.decode(block.encode(), type=Draft)

    assert draft_errors(draft) == []
    assert draft.lines_total == 41000
    assert "410.00 USD" in README


def test_the_configuration_in_the_readme_is_right(tmp_path: Path) -> None:
    """The TOML that a newcomer copies loads once its secrets exist."""
    (block,) = _blocks("toml")
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    file = tmp_path / "ordergate.toml"
    file.write_text(block.replace("/run/secrets/rapyd_secret_key", str(secret)))
    settings = load_settings(file, {"REVKEEN_API_KEY": "rk_sandbox_1", "RAPYD_ACCESS_KEY": "a"})

    assert set(settings.accounts) == {"revkeen", "rapyd-eu"}


def test_every_command_in_the_readme_exists() -> None:
    """Each `ordergate …` that the README shows names a command and options that are there."""
    lines = [
        line.partition("&&")[2].strip() if "&&" in line else line.strip()
        for block in _blocks("sh")
        for line in block.splitlines()
        if "ordergate " in line
    ]
    lines += re.findall(r"`(ordergate [^`]+)`", README)
    commands = [
        line.removeprefix("uv run ")
        for line in lines
        if line.removeprefix("uv run ").startswith("ordergate ")
    ]

    assert len(commands) >= 8
    for command in commands:
        _assert_exists(shlex.split(command)[1:])


def _assert_exists(words: list[str]) -> None:
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    options = {name for parameter in command.params for name in parameter.opts}
    unknown = [word for word in words if word.startswith("--") and word not in options]
    assert unknown == []


def test_every_link_in_the_readme_leads_somewhere() -> None:
    """Relative links name files of the repository."""
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", README)

    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("name", ["default.toml", "sandbox.toml"])
def test_shipped_configurations_load(name: str) -> None:
    """What is shipped is right as it stands."""
    settings = load_settings(ROOT / "config" / name, {})

    assert settings.file.name == name


def test_the_sandbox_configuration_fits_the_emulators() -> None:
    """The credentials in config/sandbox.toml are those of the emulators' default seed."""
    settings = load_settings(ROOT / "config/sandbox.toml", {})
    for account in settings.accounts.values():
        credentials = account.adapter.emulator(0).describe().credentials
        own = {name: getattr(account.settings, name).reveal() for name in credentials}

        assert own == dict(credentials)


def test_examples_in_the_api_description_are_valid() -> None:
    """The example draft is accepted, and the example order has every field of an order."""
    draft = msgspec.convert(examples.CHAIR_DRAFT, Draft)
    order = msgspec.convert(examples.CHAIR_ORDER, Order)

    assert draft_errors(draft) == []
    assert set(examples.CHAIR_ORDER) == {field.name for field in msgspec.structs.fields(Order)}
    assert order.total == draft.lines_total
