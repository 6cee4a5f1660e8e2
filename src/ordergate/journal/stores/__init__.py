"""The databases that a journal runs on."""
