"""The watch: looks at what its clock has passed and says what follows, once (O1, O6, O14, P3)."""
