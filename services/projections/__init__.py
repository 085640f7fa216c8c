"""What is read: timelines, boards, health figures, and the watch that raises signals."""
