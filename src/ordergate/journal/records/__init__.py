"""What the journal stores, as plain structs."""
