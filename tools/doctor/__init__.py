"""What is there, what is wrong, and its cure."""
