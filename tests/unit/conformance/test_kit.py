"""The laws cannot be thinned in silence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from ordergate.conformance import LAWS, Case, Conformance, Facts
from ordergate.gateway.accounts.registry import installed_adapters

ROOT = Path(__file__).parents[3]


def _no_facts(_state: Mapping[str, Any], _order: str) -> Facts:
    raise AssertionError("no law runs here")


def _case(**skips: str) -> Case:
    adapter = next(iter(installed_adapters().values()))
    return Case(adapter=adapter, facts=_no_facts, skips=skips)


def _define(*bases: type, **attributes: Any) -> type:
    return type("TestSome", (*bases, Conformance), attributes)


def test_every_chapter_has_laws() -> None:
    """The laws speak of all that an adapter promises, each once, each with a sentence."""
    topics = (
        "money",
        "clock",
        "declared",
        "status",
        "signing",
        "secrets",
        "life",
        "cursors",
        "acts",
        "dropped",
        "probe",
    )
    documented = [getattr(Conformance, f"test_{name}").__doc__ for name in LAWS]

    assert len(LAWS) == len(set(LAWS)) >= 45
    assert [topic for topic in topics if not any(topic in name for name in LAWS)] == []
    assert all(sentence and sentence.endswith(".") for sentence in documented)


def test_every_installed_adapter_is_proven() -> None:
    """Each adapter in the repository hands itself to the kit."""
    files = {name: ROOT / "adapters" / name / "tests/test_conformance.py" for name in installed_adapters()}

    assert len(files) >= 2
    assert [name for name, file in files.items() if "(Conformance)" not in file.read_text()] == []


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("how", ["removed", "overridden", "mixed in"])
def test_a_law_is_not_redefined(law: str, how: str) -> None:
    """A class that removes a law, overrides one, or inherits another in its place cannot be made."""
    name = f"test_{law}"
    mixin = type("Mixin", (), {name: lambda _self: None})
    bases = (mixin,) if how == "mixed in" else ()
    own = {"removed": {name: None}, "overridden": {name: lambda _self: None}}.get(how, {})

    with pytest.raises(TypeError, match=f"TestSome redefines {name}"):
        _define(*bases, case=_case(), **own)


def test_what_laws_are_made_of_is_not_redefined() -> None:
    """Nor can a class change what a law looks at."""
    with pytest.raises(TypeError, match="TestSome redefines _kinds"):
        _define(case=_case(), _kinds=lambda _self: None)


@pytest.mark.parametrize("reason", ["", " ", "\n"])
def test_a_skip_has_a_reason(reason: str) -> None:
    """A law is left out for a reason, or the class cannot be made."""
    with pytest.raises(ValueError, match="a reason is missing for leaving out money_is_exact_or_refused"):
        _define(case=_case(money_is_exact_or_refused=reason))


def test_a_skip_names_a_law() -> None:
    """A misspelt skip is no skip; the message lists what there is."""
    with pytest.raises(ValueError, match=f"there is no law money_is_exact; there are {LAWS[0]}, "):
        _define(case=_case(money_is_exact="The provider rounds."))


@pytest.mark.parametrize("attributes", [{}, {"case": None}, {"case": "revkeen"}])
def test_a_class_has_a_case(attributes: dict[str, Any]) -> None:
    """A class without an adapter to prove cannot be made."""
    with pytest.raises(TypeError, match="TestSome needs a case"):
        _define(**attributes)


def test_a_skipped_law_does_not_run() -> None:
    """A law that is left out says why, and looks at nothing."""

    class Some(Conformance):
        case: ClassVar[Case] = _case(every_step_of_a_life_agrees="The emulator forgets.")

    with pytest.raises(pytest.skip.Exception, match=r"The emulator forgets\."):
        Some().test_every_step_of_a_life_agrees()
    with pytest.raises(AssertionError, match="no law runs here"):
        Some().test_money_is_exact_or_refused()


def test_facts_are_the_authors() -> None:
    """A case whose author reads the emulator otherwise than the adapter does fails."""
    adapter = next(iter(installed_adapters().values()))

    def off_by_one(_state: Mapping[str, Any], _order: str) -> Facts:
        return Facts(status="open", currency="USD", total=66_150, paid=0, refunded=0)  # type: ignore[arg-type]

    class Some(Conformance):
        case: ClassVar[Case] = Case(adapter=adapter, facts=off_by_one)

    with pytest.raises(AssertionError, match="the total is 66149 here and 66150 there"):
        Some().test_every_step_of_a_life_agrees()
    assert msgspec.structs.asdict(Some.case)["skips"] == {}
