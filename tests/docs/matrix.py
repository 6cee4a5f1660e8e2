"""The provider matrix in the README, from what the adapters declare.

``uv run python -m tests.docs.matrix`` writes it; a test holds it fresh.
"""

from pathlib import Path

from ordergate.domain.account import Support
from ordergate.domain.lifecycle import OperationKind
from ordergate.gateway.accounts.registry import installed_adapters

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- matrix -->", "<!-- /matrix -->"


def matrix() -> str:
    """Return the table: operations down, providers across."""
    adapters = list(installed_adapters().values())
    head = ["operation", *(adapter.title for adapter in adapters)]
    rows = [
        [kind.value, *(_cell(adapter.capabilities.support(kind)) for adapter in adapters)]
        for kind in OperationKind
    ]
    filters = ["list filters", *(_filters(adapter.capabilities.list_filters) for adapter in adapters)]
    lines = [head, ["---"] * len(head), *rows, filters]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(support: Support) -> str:
    return f"{support.level}: {support.detail}" if support.detail else support.level


def _filters(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"


def in_readme() -> str:
    """Return the table that stands in the README."""
    return README.read_text().partition(BEGIN)[2].partition(END)[0].strip()


def main() -> None:
    """Write the table into the README."""
    head, _, rest = README.read_text().partition(BEGIN)
    tail = rest.partition(END)[2]
    README.write_text(f"{head}{BEGIN}\n{matrix()}\n{END}{tail}")


if __name__ == "__main__":
    main()
