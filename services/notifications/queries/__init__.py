"""What notifications keeps to be asked: its read models, and the questions put to them."""
