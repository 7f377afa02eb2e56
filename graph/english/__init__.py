"""What English looks like: its words, and how sentences and names are written."""
