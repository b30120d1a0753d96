"""What an operator does at the terminal with the data of a server, running or not."""
