"""Long-running programs: benchmarks, and campaigns that search for a broken guarantee."""
