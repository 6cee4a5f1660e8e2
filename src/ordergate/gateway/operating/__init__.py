"""Tools of operators: reload, reconciliation, retention, switch check."""
