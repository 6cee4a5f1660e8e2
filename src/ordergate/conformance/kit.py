"""The kit as an author uses it: one class to inherit from."""

from typing import Any

from ordergate.conformance.case import Case
from ordergate.conformance.laws.declared import DeclarationLaws
from ordergate.conformance.laws.errors import ErrorLaws
from ordergate.conformance.laws.fields import FieldLaws
from ordergate.conformance.laws.lifecycle import LifecycleLaws
from ordergate.conformance.laws.lists import ListLaws
from ordergate.conformance.laws.money import MoneyLaws
from ordergate.conformance.laws.probes import ProbeLaws
from ordergate.conformance.laws.purity import PurityLaws
from ordergate.conformance.laws.signing import SigningLaws
from ordergate.conformance.laws.webhooks import WebhookLaws

_CHAPTERS = (
    MoneyLaws,
    PurityLaws,
    DeclarationLaws,
    FieldLaws,
    ErrorLaws,
    SigningLaws,
    LifecycleLaws,
    ListLaws,
    ProbeLaws,
    WebhookLaws,
)

LAWS: tuple[str, ...] = tuple(
    attribute.__law__
    for chapter in _CHAPTERS
    for attribute in vars(chapter).values()
    if hasattr(attribute, "__law__")
)
"""The name of every law, as `skips` takes it."""

_OWN: dict[str, Any] = {
    name: value for chapter in _CHAPTERS for name, value in vars(chapter).items() if not name.startswith("__")
}
"""Names that no subclass may define: the laws, and their parts."""


class Conformance(
    MoneyLaws,
    PurityLaws,
    DeclarationLaws,
    FieldLaws,
    ErrorLaws,
    SigningLaws,
    LifecycleLaws,
    ListLaws,
    ProbeLaws,
    WebhookLaws,
):
    """Every law for one adapter: inherit, and set `case`.

    A law is left out by naming it, with the reason, in the case's `skips`, and in no other way: a subclass that
    redefines or removes one is refused.

    Attributes:
        case: The adapter, and the facts that the laws need.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a class that would prove less than it seems to.

        Raises:
            TypeError: It has no case, or redefines a law.
            ValueError: Its case skips an unknown law, or gives no reason.
        """
        super().__init_subclass__(**kwargs)
        thinned = [name for name, value in _OWN.items() if getattr(cls, name, None) is not value]
        if thinned:
            raise TypeError(
                f"{cls.__name__} redefines {', '.join(sorted(thinned))}; "
                "a law is left out by its case's skips alone, with a reason"
            )
        case = getattr(cls, "case", None)
        if not isinstance(case, Case):
            raise TypeError(f"{cls.__name__} needs a case")
        check_skips(case)


def check_skips(case: Case) -> None:
    """Check that every skip names a law and gives a reason.

    Raises:
        ValueError: One does not.
    """
    unknown = sorted(set(case.skips) - set(LAWS))
    if unknown:
        raise ValueError(f"there is no law {', '.join(unknown)}; there are {', '.join(LAWS)}")
    silent = sorted(name for name, reason in case.skips.items() if not reason.strip())
    if silent:
        raise ValueError(f"a reason is missing for leaving out {', '.join(silent)}")
