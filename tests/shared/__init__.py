"""Tests of the machinery under the services, with a small made-up business on top of it."""
