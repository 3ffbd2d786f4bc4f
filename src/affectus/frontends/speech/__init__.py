"""Sound → who says what, and when."""
