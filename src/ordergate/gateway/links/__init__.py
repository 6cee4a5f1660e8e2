"""Links from the merchants' ids to the providers'."""
