"""What the benchmarks share: one thread on one core, checked results, times taken in turns."""
