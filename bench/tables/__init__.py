"""The benchmark's tables, one module each."""
