"""The first mile: a configuration is written, and is right."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ordergate.cli import main
from ordergate.gateway.accounts.registry import installed_adapters
from ordergate.settings import load_settings


def _init(*arguments: str, answers: str = "") -> str:
    result = CliRunner().invoke(main, ["init", *arguments], input=answers)
    assert result.exit_code == 0, result.output
    return result.output


def test_defaults_make_a_configuration_that_holds(tmp_path: Path) -> None:
    """Without a question: one sandbox account for each adapter, secrets by reference, and what is to be set is told."""
    file = tmp_path / "ordergate.toml"

    said = _init("--accept-defaults", "--output", str(file))

    variables = {"REVKEEN_API_KEY": "rk_sandbox_x", "RAPYD_ACCESS_KEY": "a", "RAPYD_SECRET_KEY": "s"}
    settings = load_settings(file, variables)
    assert set(settings.accounts) == set(installed_adapters())
    assert settings.routing.default == sorted(installed_adapters())
    assert all(f"set {name}" in said for name in variables)


def test_questions_are_answered(tmp_path: Path) -> None:
    """Asked, a person names the accounts, their environments and the journal."""
    file = tmp_path / "mine.toml"

    said = _init("--output", str(file), answers="n\ny\nshop\nproduction\npostgresql\n")

    variables = {"SHOP_API_KEY": "rk_live_x", "ORDERGATE_DATABASE_URL": "postgresql://db/x"}
    settings = load_settings(file, variables)
    assert {name: account.environment for name, account in settings.accounts.items()} == {
        "shop": "production"
    }
    assert settings.store.url == "postgresql://db/x"
    for told in (said, file.read_text()):
        assert "postgresql://USER:PASSWORD@HOST/ordergate?target_session_attrs=read-write" in told


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    """Nothing is overwritten unless that is said."""
    file = tmp_path / "ordergate.toml"
    file.write_text("mine")

    refused = CliRunner().invoke(main, ["init", "--accept-defaults", "--output", str(file)])

    assert (refused.exit_code, file.read_text()) == (1, "mine")
    _init("--accept-defaults", "--force", "--output", str(file))
    assert "[accounts." in file.read_text()


def test_a_name_that_cannot_be_one_is_asked_for_again(tmp_path: Path) -> None:
    """Two accounts cannot share a name, and a name stands in headers and variables."""
    file = tmp_path / "mine.toml"

    said = _init(
        "--output", str(file), answers="y\nmy shop\nshop\nsandbox\ny\nshop\nother\nsandbox\nsqlite\nx.db\n"
    )

    assert "letters, digits" in said
    assert "another account" in said
    assert "[accounts.shop]" in file.read_text()
    assert "[accounts.other]" in file.read_text()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """What cannot be written is told in a sentence."""
    refused = CliRunner().invoke(
        main, ["init", "--accept-defaults", "--output", str(tmp_path / "no" / "a.toml")]
    )

    assert refused.exit_code == 1
    assert "cannot write" in refused.output


@pytest.mark.parametrize("arguments", [["--output"], ["--nothing"]])
def test_wrong_usage(arguments: list[str]) -> None:
    """Wrong usage is told apart from a refusal."""
    assert CliRunner().invoke(main, ["init", *arguments]).exit_code == 2
