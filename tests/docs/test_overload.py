"""What the README says of an overload is what its last run has measured."""

from pathlib import Path

import msgspec
from campaigns.overload.run import Row

ROOT = Path(__file__).parents[2]


def test_readme_tells_the_last_run() -> None:
    """The least and the most goodput, how long the admitted took and the refused, and that nothing else came."""
    text = (ROOT / "campaigns/overload/last-run.json").read_bytes()
    rows = msgspec.json.decode(text, type=list[Row])
    loaded = [row for row in rows if not row.load.startswith("peak")]
    readme = " ".join((ROOT / "README.md").read_text().split())
    goodput = [row.of_peak for row in loaded]

    assert len(loaded) == 3
    assert f"{min(goodput):.2f} to {max(goodput):.2f} times as many requests as at peak" in readme
    assert "99 % of them within 0.6 s" in readme
    assert max(row.admitted[1] for row in loaded if row.admitted) <= 600
    assert "half of them within 0.13 s" in readme
    assert max(row.refused_in[0] for row in loaded if row.refused_in) <= 130
    assert not any(row.others for row in loaded)
