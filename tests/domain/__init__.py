"""The pure rules: given, when, then."""
