"""The provider matrix is what the adapters declare."""

from tests.docs.matrix import in_readme, matrix


def test_the_matrix_in_the_readme_is_fresh() -> None:
    """What the README says a provider can do is what its adapter declares; mend with python -m tests.docs.matrix."""
    assert "| create |" in matrix()
    assert in_readme() == matrix()
