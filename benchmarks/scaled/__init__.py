"""What the benchmarks on real Kafka and real PostgreSQL have in common; no benchmark itself."""
