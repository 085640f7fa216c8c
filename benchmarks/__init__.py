"""Every figure that the README quotes: a module each, `measure()` gives its figures."""
