"""Local stand-ins for the other side: they check what arrives by the vendor's own rule."""
