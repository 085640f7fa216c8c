"""The rules of the house: imports, event shapes, documents, names."""
