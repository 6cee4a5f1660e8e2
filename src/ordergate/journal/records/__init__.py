"""The records of the journal, and the queries for them, as plain structs."""
