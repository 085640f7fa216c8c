"""Messages on their way out: written from what is pending, then delivered attempt by attempt."""
