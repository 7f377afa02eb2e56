"""English words that say little by themselves, and months."""

# fmt: off
MONTHS = ("january", "february", "march", "april", "may", "june",
          "july", "august", "september", "october", "november", "december")

# Function words: they match something in every row, so they say little about which row is meant.
STOP_WORDS = frozenset((
    "a", "about", "again", "am", "an", "and", "are", "as", "at", "be", "been", "being", "but", "by", "can", "could",
    "did", "do", "does", "doing", "down", "for", "from", "had", "has", "have", "having", "he", "her", "here", "him",
    "his", "how", "i", "if", "in", "into", "is", "it", "its", "just", "may", "me", "might", "must", "my", "no", "nor",
    "not", "of", "off", "on", "or", "our", "out", "over", "shall", "she", "should", "so", "than", "that", "the",
    "their", "them", "then", "there", "these", "they", "this", "those", "to", "too", "under", "up", "us", "very",
    "was", "we", "were", "what", "when", "where", "which", "who", "whom", "whose", "why", "will", "with", "would",
    "you", "your",
))
# fmt: on
