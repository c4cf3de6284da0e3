"""What was done, by whom: one table, one function that writes it, one page that shows it."""
