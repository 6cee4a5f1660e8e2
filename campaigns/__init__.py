"""Programs that take long: benchmarks, and campaigns that look for a broken promise."""
