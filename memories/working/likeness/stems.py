"""English words without their inflection."""

# fmt: off
_PLURALS = {
    "children": "child", "feet": "foot", "teeth": "tooth", "men": "man", "women": "woman", "people": "person",
    "mice": "mouse", "knives": "knife", "leaves": "leaf", "wives": "wife", "lives": "life",
}
_PASTS = {
    "went": "go", "gone": "go",
    "bought": "buy", "sold": "sell", "ate": "eat", "eaten": "eat", "wrote": "write", "written": "write", "drove": "drive",
    "broke": "break", "broken": "break", "sent": "send", "lent": "lend", "lost": "lose", "won": "win", "made": "make",
    "paid": "pay", "found": "find", "stung": "sting", "kept": "keep", "slept": "sleep", "built": "build",
    "taught": "teach", "thought": "think", "froze": "freeze", "frozen": "freeze", "chose": "choose", "chosen": "choose",
    "spoke": "speak", "spoken": "speak", "said": "say", "told": "tell", "took": "take", "taken": "take", "gave": "give",
    "given": "give", "knew": "know", "known": "know", "began": "begin", "begun": "begin", "ran": "run", "swam": "swim",
    "drank": "drink", "meant": "mean", "held": "hold", "left": "leave", "felt": "feel", "led": "lead", "fell": "fall",
    "fallen": "fall", "grew": "grow", "grown": "grow", "drew": "draw", "drawn": "draw", "stole": "steal",
    "stolen": "steal", "caught": "catch", "threw": "throw", "thrown": "throw", "flew": "fly", "flown": "fly",
    "brought": "bring", "met": "meet", "saw": "see", "seen": "see", "heard": "hear", "shut": "shut",
    "sued": "sue", "died": "die", "tied": "tie", "bitten": "bite", "shot": "shoot", "hid": "hide", "hidden": "hide",
    "fed": "feed", "fought": "fight", "sang": "sing", "sung": "sing", "rode": "ride", "ridden": "ride",
}
# fmt: on
IRREGULAR = _PLURALS | _PASTS


def stem(word: str) -> str:
    """Cut harder than a dictionary would: all that is asked of two stems is whether they are the same."""
    word = IRREGULAR.get(word, word)
    if not word.isalpha():
        return word
    if len(word) > 3:
        word = _root(word)
    return word.removesuffix("e") if len(word) > 2 else word


def _root(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("ches", "shes", "sses", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending, least in (("ing", 3), ("ed", 3), ("ly", 4)):
        root = word.removesuffix(ending)
        if root != word and len(root) >= least and any(letter in "aeiouy" for letter in root):
            word = root
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def is_participle(word: str) -> bool:
    return word in _PASTS or (word.endswith("ed") and len(word) > 4)
