"""All transactions of the journal."""
