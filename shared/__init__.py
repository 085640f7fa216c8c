"""What every service shares: the published language of events and the machinery that carries it."""
