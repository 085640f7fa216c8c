"""What the routes of customers and leads look up, and what work on them rests on."""
