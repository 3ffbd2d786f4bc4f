"""One readable loop, recipes as ordered runs."""
