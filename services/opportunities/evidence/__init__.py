"""The bytes of evidence: taken in, opened, kept while something refers to them (O5)."""
