"""The figures of the documentation, from the last run of the benchmark that was kept.

``uv run python -m tests.docs.benchmark`` writes the README's lines, the tables of ``docs/performance.md`` and the
pictures; a test holds them equal to the run.
"""

from pathlib import Path

from campaigns.bench.markdown import sections, summary
from campaigns.bench.pictures import pictures
from campaigns.bench.report import Report, read

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "performance.md"
PICTURES = ROOT / "docs" / "pictures"


def generated(report: Report) -> dict[Path, dict[str, str]]:
    """Return the generated parts of each file, by the names of their places."""
    return {README: {"benchmark": summary(report)}, PAGE: sections(report)}


def filled(text: str, name: str, part: str) -> str:
    """Return a text with a part between its two marks."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    head, found, rest = text.partition(begin)
    _, ended, tail = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"there is no place for {name}")
    return f"{head}{begin}\n{part}\n{end}{tail}"


def documents(report: Report) -> dict[Path, str]:
    """Return every file as it should be."""
    texts = {PICTURES / name: drawn for name, drawn in pictures(report).items()}
    for file, parts in generated(report).items():
        text = file.read_text()
        for name, part in parts.items():
            text = filled(text, name, part)
        texts[file] = text
    return texts


def main() -> None:
    """Write the files."""
    for file, text in documents(read()).items():
        file.write_text(text)


if __name__ == "__main__":
    main()
