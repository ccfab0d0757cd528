"""The text of a draft as the program writes it: prose below `>-`, items added, a draft formatted."""
