"""Getting it there: every reader of an issue once, nobody twice, and a record of each."""
