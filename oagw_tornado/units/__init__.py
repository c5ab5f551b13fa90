"""Values with units (durations, sizes, latencies) and how they are written. Imports no other folder."""
