"""Two columns of the matrix of webhooks; ``python -m campaigns.matrix`` fills it all."""

from pathlib import Path

from campaigns.matrix.matrix import run


def test_webhooks_that_are_lost_or_meet_a_node_that_is_killed(tmp_path: Path) -> None:
    """Every story comes to its end, and the merchant hears each of its events once and in order."""
    cells = run(tmp_path, lambda _: None, ["lost", "node killed"])

    assert len(cells) == 18
    assert [cell for cell in cells if cell.wrong] == []
