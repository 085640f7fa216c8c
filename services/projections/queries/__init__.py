"""What projections keeps to be asked, and the questions that boards put to it."""
