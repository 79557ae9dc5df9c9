"""What arbkit costs, measured in one run: `python -m benchmarks`."""
