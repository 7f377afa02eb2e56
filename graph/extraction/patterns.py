"""What has a form of its own: addresses, paths, code, versions, dates and amounts, found by regular expressions.

Every repetition is bounded or cannot be split in two ways, so that time stays linear in the length of the text.
"""

import re
from dataclasses import dataclass

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NUMBER_WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    start: int
    end: int
    kind: str


_MONTH = r"(?:jan(?:uary|\.)?|feb(?:ruary|\.)?|mar(?:ch|\.)?|apr(?:il|\.)?|may|june?|july?|aug(?:ust|\.)?|sept?(?:ember|\.)?|oct(?:ober|\.)?|nov(?:ember|\.)?|dec(?:ember|\.)?)"
_WEEKDAY = rf"(?:{'|'.join(WEEKDAYS)})"
_YEAR = r"(?:1[5-9]|20)\d\d"
_DAY = r"(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_COUNT = rf"(?:\d{{1,3}}|an?|one|{'|'.join(NUMBER_WORDS)}|a few|a couple of|several|many)"
_NUMBER = (
    r"\d{1,3}(?:(?:,\d{3}){1,4}(?:\.\d{1,6})?|(?:\.\d{3}){1,4},\d{1,4}|[.,]\d{1,6})?|\d{4,15}(?:\.\d{1,6})?"
)
_MULTIPLE = r"(?: ?(?:k|m|bn|thousand|million|billion|trillion)\b)?"
CURRENCIES = "EUR|USD|GBP|CHF|JPY|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|ZAR|KRW|SGD|HKD|MXN|TRY"
MONEY = "euros?|dollars?|bucks|pounds?|cents?|francs?|yen|rupees?|kroner|kronor|pesos?|bitcoins?"
_LONG_UNITS = (
    "seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?|decades?|miles?|metres?|meters?|kilomet(?:er|re)s?|"
    "centimet(?:er|re)s?|feet|inch(?:es)?|grams?|kilos?|kilograms?|litres?|liters?|gallons?|ounces?|calories|tons?|"
    "tonnes?|acres?|hectares?|degrees|bytes?|megabytes?|gigabytes?|terabytes?|watts?|volts?|percent|per cent"
)
_SHORT_UNITS = (
    "km/h|mph|km|cm|mm|kg|mg|lbs?|oz|ml|ms|µs|ns|secs?|mins?|hrs?|GB|MB|KB|kB|TB|PB|GiB|MiB|KiB|TiB|Mbps|Gbps|GHz|"
    "MHz|Hz|kWh|kW|mAh|°C|°F|kcal|ft|sqm|m²|m|g|l|s|h|W|V"
)
_EXTENSIONS = (
    "py|pyi|ipynb|js|jsx|ts|tsx|mjs|vue|java|kt|scala|go|rs|rb|php|cs|cpp|cc|hpp|swift|sh|bash|zsh|ps1|bat|sql|html?|s?css|"
    "json|jsonl|ya?ml|toml|ini|cfg|conf|env|lock|xml|csv|tsv|parquet|md|rst|txt|log|pdf|docx?|xlsx?|pptx?|odt|png|jpe?g|"
    "gif|svg|webp|mp[34]|wav|zip|tar|gz|tgz|whl|jar|dll|exe|db|sqlite3?|proto|tf|service|pem|crt|key|bak|tmp"
)
_DOMAINS = (
    "com|org|net|io|dev|ai|edu|gov|info|app|cloud|co|me|eu|uk|de|fr|es|it|nl|be|ch|at|se|no|dk|fi|pl|cz|ie|pt|us|ca|"
    "au|nz|jp|cn|in|br|mx|za|ru|example|internal|local|test"
)
# Only these may be taken for a month with nothing but their capital; the others are words or names too.
_MONTHS_ALONE = "January|February|July|September|October|November|December"
_BEFORE_TIME = (
    r"(?<=\b[Ii]n )|(?<=\b[Oo]f )|(?<=\b[Bb]y )|(?<=\b[Ii]n early )|(?<=\b[Ii]n late )|(?<=\b[Ss]ince )|(?<=\b[Uu]ntil )|"
    r"(?<=\b[Tt]ill )|(?<=\b[Ff]rom )|(?<=\b[Tt]o )|(?<=\b[Bb]efore )|(?<=\b[Aa]fter )|(?<=\b[Dd]uring )|"
    r"(?<=\b[Bb]etween )|(?<=\b[Aa]round )|(?<=\b[Ss]ummer )|(?<=\b[Ww]inter )"
)

# In the order of precedence: what is inside of an earlier one is not looked at again.
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("url", re.compile(r"\b(?:https?|ftp|s3|postgres(?:ql)?|rediss?|bolt|wss?)://[^\s<>\"'`\])}]{1,2000}", re.I)),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")),
    ("url", re.compile(rf"(?<![\w@./\\-])(?:www\.)?(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,6}}(?:{_DOMAINS})(?![\w-]|\.\w)(?:/[^\s<>\"'`\])}}]{{0,500}})?", re.I)),
    ("path", re.compile(r"\b[A-Za-z]:\\(?:[^\\\s:*?\"<>|]{1,100}\\){0,20}[^\\\s:*?\"<>|]{0,100}")),
    ("path", re.compile(r"(?<![\w/:.<~\\])(?:~|\.{1,2})?/(?:[\w.@+-]{1,100}/){1,20}[\w.@+-]{0,100}|(?<![\w/])~/[\w.@+-]{1,100}")),
    ("path", re.compile(rf"(?<![\w/.@\\])(?:[\w.-]{{1,100}}/){{0,20}}[\w.-]{{0,100}}\w\.(?:{_EXTENSIONS}|so(?:\.\d{{1,4}}){{0,3}})(?![\w/]|\.\w)")),
    ("path", re.compile(r"\b(?:[\w.-]{1,100}/){0,20}(?:Dockerfile|Makefile|Procfile)\b")),
    ("identifier", re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")),
    ("date", re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?\b")),
    ("date", re.compile(rf"\b(?:\d{{1,2}}/\d{{1,2}}/(?:\d\d)?\d\d|\d{{1,2}}\.\d{{1,2}}\.{_YEAR}|\d{{4}}/\d{{1,2}}/\d{{1,2}})\b")),
    ("version", re.compile(r"(?<![\w.])v\d{1,4}(?:\.\d{1,6}){0,3}(?:-[a-z]{1,10}[.\d]{0,8}\b|(?![\w.]*\d))(?<!\.)|(?<![\w.,$€£-])\d{1,4}\.\d{1,4}\.\d{1,6}(?:\.\d{1,6})?(?:[-+]?(?:rc|alpha|beta|dev|post|a|b)[.\d]{0,8})?(?<!\.)(?![\w%])")),
    ("version", re.compile(r"(?<=\b[Vv]ersion )\d{1,4}(?:\.\d{1,6}){0,3}\b|(?<=\b[Rr]elease )\d{1,4}(?:\.\d{1,6}){1,3}\b")),
    ("date", re.compile(rf"\b{_DAY}(?: of)? {_MONTH}(?:,? {_YEAR})?(?!\w)|\b{_MONTH} {_DAY}(?![\w.,:]*\d)(?:,? {_YEAR})?(?!\w)|\b{_MONTH} {_DAY}, {_YEAR}\b|\b{_MONTH},? {_YEAR}\b", re.I)),
    ("date", re.compile(rf"\b(?:(?:last|next|this|past|coming|previous) (?:week(?:end)?|month|year|spring|summer|autumn|fall|winter|night|evening|morning|afternoon|quarter|semester|decade|century|{_WEEKDAY}|{_MONTH})(?!\w)|(?:the day (?:before|after) )?(?:yesterday|tomorrow|today)(?: (?:morning|afternoon|evening|night))?\b|tonight\b|{_COUNT} (?:seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?|decades?) (?:ago|from now)\b)", re.I)),
    ("date", re.compile(rf"\b{_WEEKDAY}s?\b|\b(?:[01]?\d|2[0-3])(?::[0-5]\d)? ?(?:am|pm|a\.m\.|p\.m\.)(?!\w)|(?<![\w:.])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\w:])|\bnoon\b|\bmidnight\b|\bQ[1-4](?: {_YEAR})?\b|\b(?:1[5-9]|20)\d0s\b", re.I)),
    ("date", re.compile(rf"\b(?:{_MONTHS_ALONE})\b|(?:{_BEFORE_TIME})(?:(?:March|April|May|June|August)\b|{_YEAR}\b(?![.,]\d|%|-\d| ?(?:{CURRENCIES}|{MONEY}|{_LONG_UNITS}|{_SHORT_UNITS})\b))|(?<=, ){_YEAR}(?=[.;)]|$)")),
    ("amount", re.compile(rf"(?<!\w)(?:US|A|C)?[$€£¥₹] ?(?:{_NUMBER}){_MULTIPLE}|\b(?:{CURRENCIES}) ?(?:{_NUMBER}){_MULTIPLE}", re.I)),
    ("amount", re.compile(rf"(?<![\w.,])-?(?:{_NUMBER})(?:{_MULTIPLE} ?(?:€|£|\$|%|(?:{CURRENCIES}|{MONEY})\b)|[ -]?(?:{_LONG_UNITS})\b)", re.I)),
    ("amount", re.compile(rf"(?<![\w.,])-?(?:{_NUMBER}) ?(?:{_SHORT_UNITS})\b(?!['’])")),
    ("amount", re.compile(rf"\b(?:{'|'.join(NUMBER_WORDS)}|(?:one |a |two |three |five )?(?:hundred|thousand|million))[ -](?:{_LONG_UNITS}|{MONEY})\b", re.I)),
    ("identifier", re.compile(r"(?<![\w/&])#\d{1,8}\b|\b[A-Z][A-Z0-9]{1,9}(?:-\d{1,8}){1,3}\b(?![-\w])|(?<=\bcommit )[0-9a-f]{6,40}\b|\b(?=[a-f]{0,39}\d)(?=\d{0,39}[a-f])[0-9a-f]{8,40}\b")),
    ("identifier", re.compile(r"(?<![\w.])(?:[A-Za-z_]\w{0,60}\.){0,5}_{0,2}[A-Za-z][A-Za-z0-9]{0,40}(?:_{1,2}[A-Za-z0-9]{1,40}){1,8}_{0,2}(?:\.[A-Za-z_]\w{0,60}){0,4}(?!\w)")),
    ("identifier", re.compile(r"(?<![\w.])(?:[A-Za-z]\w{0,60}\.){1,5}[A-Za-z]\w{0,60}(?=\()|\b[A-Za-z]\w{1,60}(?=\(\))")),
    ("identifier", re.compile(r"(?<![\w.])[a-z]{2,20}(?:[A-Z][a-z0-9]{1,20}){1,6}\b|\b(?:[A-Z][a-z0-9]{1,20}){1,6}(?:Error|Exception|Warning|Repository|Handler|Factory|Controller|Serializer|Middleware|Listener|Adapter|Provider|Builder)\b|\b[A-Z][a-z]{1,20}(?:[A-Z][a-z0-9]{1,20}){1,6}(?:\.[a-z_]\w{0,60}){1,4}")),
    ("identifier", re.compile(r"\b[a-z]{3,20}(?:-[a-z]{1,20}){0,3}-\d{2,4}\b")),
    ("identifier", re.compile(r"(?<=`)[^`\s]{1,100}(?=`)")),
)  # fmt: skip
# Of the form of code, but names of products, illnesses and standards.
_NO_CODE = re.compile(r"(?:i|e|mac|tv|watch|visi)[A-Z]\w+$|(?i:covid|utf|sha|iso|rfc|gpt|mp|f|b)-?\d+$")
_TRAILING = ".,;:!?…"


def spans(text: str) -> list[Span]:
    """The spans of a text in its order; none overlaps another."""
    taken = bytearray(len(text))
    found: list[Span] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if kind in {"url", "path"}:
                end = start + len(match[0].rstrip(_TRAILING))
            if end <= start or any(taken[start:end]) or not _means(kind, text, start, end):
                continue
            taken[start:end] = b"\1" * (end - start)
            found.append(Span(start, end, kind))
    return sorted(found, key=lambda span: span.start)


def _means(kind: str, text: str, start: int, end: int) -> bool:
    """Whether the form is meant, and not something that happens to look like it."""
    if kind == "identifier":
        return not _NO_CODE.match(text[start:end])
    if kind == "path":
        return any(letter.isalpha() for letter in text[start:end])
    return kind != "date" or text[start:end] not in {"may", "march"}
