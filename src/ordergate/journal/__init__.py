"""The journal: records, transactions, the two stores that run them, and their SQL."""
