"""Real servers for tests, benchmarks and `make stack`; no part of the product."""
