"""English words that decide whether two prompts ask for the same thing."""

import re

from graph.english.function_words import MONTHS, STOP_WORDS
from memories.working.likeness.stems import stem


def _by_form(*groups: str) -> dict[str, str]:
    """Each way to write a thing, with the first of its group, which names it."""
    return {form: group.split()[0] for group in groups for form in group.split()}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _groups(text: str) -> list[list[str]]:
    """Groups divided by blanks, of words divided by strokes."""
    return [group.split("/") for group in text.split()]


# fmt: off
_CARDINALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
              "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
             "twelfth")
TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
NUMBERS = {
    **{word: str(value) for value, word in enumerate(_CARDINALS)},
    **{word: str(value) for value, word in enumerate(_ORDINALS, 1)},
    **{word: str(value) for word, value in TENS.items()},
    "thirds": "3", "half": "1/2", "halves": "1/2", "quarter": "1/4", "quarters": "1/4", "twice": "x2",
    "double": "x2", "thrice": "x3", "triple": "x3", "dozen": "12", "dozens": "12",
}
# After these "one" is a pronoun.
BEFORE_PRONOUN = frozenset({"no", "any", "some", "every", "which", "this", "that", "the", "another", "each"})

UNITS = _by_form(
    "percent % pct", "dollar dollars usd $", "euro euros eur €", "pound pounds gbp quid £", "yen jpy ¥",
    "rupee rupees inr ₹", "cent cents", "franc francs chf", "hundred hundreds", "thousand thousands k",
    "million millions mn", "billion billions bn", "trillion trillions", "mg milligram milligrams", "g gram grams",
    "kg kilo kilos kilogram kilograms", "t ton tons tonne tonnes", "lb lbs", "oz ounce ounces",
    "mm millimeter millimeters millimetre millimetres", "cm centimeter centimeters centimetre centimetres",
    "m meter meters metre metres", "km kilometer kilometers kilometre kilometres", "inch inches", "ft foot feet",
    "yd yard yards", "mile miles", "ml milliliter milliliters millilitre millilitres", "l liter liters litre litres",
    "cup cups", "tsp teaspoon teaspoons", "tbsp tablespoon tablespoons", "gallon gallons", "pint pints", "bit bits",
    "byte bytes", "kb kilobyte kilobytes", "mb megabyte megabytes", "gb gigabyte gigabytes", "tb terabyte terabytes",
    "ms millisecond milliseconds", "s sec secs second seconds", "min mins minute minutes", "h hr hrs hour hours",
    "day days", "week weeks", "month months", "year years yr yrs", "decade decades", "century centuries",
    "celsius °c", "fahrenheit °f", "degree degrees °", "watt watts w", "kw kilowatt kilowatts", "volt volts v",
    "am", "pm", "px pixel pixels",
)

DATES = _by_form(
    *(f"{month} {month[:3]}" for month in MONTHS if month not in {"march", "may"}),
    "monday mondays mon", "tuesday tuesdays tue", "wednesday wednesdays", "thursday thursdays thu",
    "friday fridays fri", "saturday saturdays", "sunday sundays", "weekend weekends", "weekday weekdays", "today",
    "tonight", "tomorrow", "yesterday", "noon midday", "midnight", "morning mornings", "afternoon afternoons",
    "evening evenings", "night nights overnight", "spring springtime", "summer summers summertime", "autumn",
    "winter winters wintertime", "hourly", "daily", "weekly", "monthly", "yearly annually annual", "ago", "twenties",
    "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties", "christmas xmas", "easter",
    "thanksgiving", "halloween", "ramadan", "hanukkah", "diwali",
)
# Verbs, unless there is a number beside them or one of these words before.
MONTHS_OR_VERBS = frozenset({"march", "may"})
BEFORE_MONTH = _words("in of during on until by since from early late mid last next this")
PERIODS = _words(
    "minute hour day night week weekend month quarter year decade century season term semester time monday tuesday "
    "wednesday thursday friday saturday sunday spring summer autumn winter morning evening"
)
WHICH_PERIOD = _by_form("last past previous", "next coming following", "this current", "early", "late", "mid")

PERSONS = _by_form("my mine our ours", "your yours", "he him his", "she her hers", "they them their theirs")
ASKING_PERSON = _words("am are was were did have had will")
OTHER_PERSONS = {
    who: _words(others) for who, others in (("my", "your"), ("your", "my"), ("he", "she they"), ("she", "he they"),
                                            ("they", "he she"), ("i", "you"), ("you", "i"))
}

SPOKEN = {"&": "and", "+": "plus"}

NEGATORS = _words(
    "not no never without none nothing nobody nowhere neither nor except excluding excepting unless unable hardly rarely "
    "barely lack lacks lacking"
)
NEGATIVE_PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non", "de", "mis", "anti")

_OPPOSITES = _groups(
    # sizes and measures
    "increase/decrease increase/reduce increase/lower raise/lower raise/reduce rise/fall rise/drop grow/shrink gain/lose "
    "more/less more/fewer most/least many/few maximum/minimum max/min high/low higher/lower highest/lowest big/small "
    "bigger/smaller biggest/smallest large/small larger/smaller largest/smallest long/short longer/shorter "
    "longest/shortest tall/short fast/slow faster/slower fastest/slowest strong/weak stronger/weaker old/new older/newer "
    "oldest/newest old/young older/younger oldest/youngest hot/cold hotter/colder hottest/coldest warm/cold heat/cool "
    "wet/dry hard/soft harder/softer hard/easy easy/difficult light/dark light/heavy loud/quiet louder/quieter full/empty "
    "cheap/expensive thick/thin deep/shallow wide/narrow plus/minus add/subtract multiply/divide gross/net credit/debit "
    # judgement
    "good/bad better/worse best/worst right/wrong true/false positive/negative pro/con advantage/disadvantage "
    "benefit/risk benefit/drawback strength/weakness for/against love/hate happy/sad success/failure succeed/fail "
    "pass/fail win/lose profit/loss asset/liability legal/illegal formal/informal "
    # time and place
    "before/after first/last early/late earlier/later earliest/latest start/stop start/end start/finish begin/end "
    "arrive/leave arrive/depart arrival/departure on/off up/down in/out inside/outside above/below over/under left/right "
    "front/back top/bottom north/south east/west internal/external public/private local/remote horizontal/vertical "
    "ascending/descending input/output always/never "
    # what is done
    "open/close open/shut enable/disable activate/deactivate allow/block allow/forbid allow/prevent permit/forbid "
    "import/export upload/download buy/sell lend/borrow send/receive give/take give/receive push/pull add/remove "
    "add/delete insert/delete create/delete create/destroy attach/detach connect/disconnect install/uninstall "
    "include/exclude encrypt/decrypt encode/decode compress/extract zip/unzip serialize/deserialize join/split join/leave "
    "merge/split lock/unlock show/hide accept/reject accept/decline approve/reject approve/decline approve/deny "
    "save/spend remember/forget follow/unfollow freeze/thaw freeze/melt inhale/exhale read/write get/set prevent/cause "
    "prevent/treat cause/effect cause/consequence cause/cure question/answer "
    # who
    "everyone/nobody male/female man/woman boy/girl mother/father brother/sister son/daughter husband/wife buyer/seller "
    "lender/borrower tenant/landlord employer/employee teacher/student doctor/patient client/server sender/recipient "
    "row/column as/than"
)

ARTICLES = frozenset({"a", "an", "the", "some", "any"})
# What follows these has its part by them; around "and", "or" and "versus" the order says nothing.
DIRECTIONS = _words("to into onto than from before after by over against minus under above below behind if unless because when")
SYMMETRIC = frozenset({"and", "or", "nor", "versus", "vs"})
# A clause that one of these leads may stand first or last.
CONNECTIVES = _words(
    "about above after against at because before behind below by during except for from if in into off on onto over "
    "since through to towards under unless until upon using when while with within without"
)
BE = _words("is are was were be been being get got")
DO = _words("do does did")
SUBJECTS = {"me": "i", "us": "we", "him": "he", "her": "she", "them": "they", "you": "you", "it": "it"}
SPEAKERS = _by_form(
    "i me my mine", "we us our ours", "you your yours", "he him his", "she her hers", "they them their theirs"
)
# Words that often only phrase a request, but have a part of their own where both prompts have them.
ALSO_PARTS = frozenset(map(stem, _words("main good text type kind like need want know help show include require allow")))
# Who asks, and "how to".
ASKING = _words("i we you to")

AUXILIARIES = _words(
    "is are was were am do does did can could may might should must shall will would has have had"
)
PAST = _words("was were did had")
PRESENT = _words("is are am do does will")
# What question words ask for, and words that ask for it without them.
_KINDS = {
    "who": "person author writer painter composer inventor founder name",
    "whom": "person name",
    "when": "time date day month year age old season",
    "where": "place location site come origin",
    "why": "cause reason",
    "how many": "number count total",
    "how much": "price cost amount weight weigh heavy fee rate",
    "how long": "time length duration long maximum",
    "how often": "frequency interval time",
    "how far": "distance",
    "how old": "age year",
    "how": "way like difference differ method process",
}

# What is possible, demanded, advised, expected and wished; asking politely or for a way says none of them.
MODALS = _by_form(
    "can could may might able possible allowed", "must required necessary mandatory obliged", "need needs needed",
    "should shall ought", "will would", "want wants",
)
POLITE = _words("can could will would")
WISHES = _words("need want would")

# These say something of the next word.
FOCUSING = _words("only even too")
# "I stopped to smoke" is not "I stopped smoking".
TO_OR_ING = frozenset(map(stem, _words("stop stopped remember remembered forget forgot forgotten regret regretted try tried mean meant")))
PREPOSITIONS = _words("about at by for from in into of off on onto out through to toward towards with within upon")
SAME_PREPOSITIONS = [
    {*pair}
    for pair in _groups("about/on about/of of/for of/in in/into into/to in/within on/upon on/onto on/of toward/towards")
]

# Hardly a sentence of English is without one; they are rare in other languages.
ENGLISH = _words(
    "the of and what how are does did can could should would must may your this that these with for from you it its where "
    "when why which who there have not into than my if whether about because please"
)

# Names that in small letters are ordinary words; and, from "sie", German pronouns that address someone by a capital.
PROPER = _words(
    "polish turkey china march may august will mark bill grace hope rose jack frank bob rob nick sue gene dean grant art "
    "guy mobile reading nice bath cork job lima chad jersey guinea cologne pole swede lent catholic democratic republican "
    "liberal conservative orthodox titanic bush mercury mars rust go swift ruby apple shell target gap meta orange visa "
    "delta word access windows teams sie ihr ihre ihnen ihren ihrem"
)
# Of these, what is surely the name after "in".
TOOLS = _words("rust go swift ruby windows access teams")
# Abbreviations that in small letters are words.
SPELT_OUT = _words("us it who aids act sat add ram pet cat rest soap ice arm era mad sad care fast smart")
CASED_UNITS = _words("kb kB Kb KB Mb MB Gb GB Tb TB mW MW mV MV mHz MHz mg Mg mm Mm ms Ms")
# Who asks for this asks about the writing itself.
ABOUT_WRITING = _words(
    "correct proofread punctuate punctuation grammar grammatical grammatically spell spelling spelled capitalize capitalise "
    "capitalization typo typos apostrophe apostrophes comma commas letters characters case rewrite edit"
)

# How the answer shall look; only after one of the leads is such a word about the answer and not the subject.
FORMATS = _by_form(
    "json", "csv tsv", "xml", "yaml yml", "html", "markdown md", "latex tex", "table tabular", "bullet bullets bulleted",
    "list numbered", "paragraph paragraphs prose", "sentence sentences", "words", "characters", "poem verse rhyme rhymes",
    "haiku", "limerick", "essay", "song", "email mail", "letter", "tweet", "headline", "story", "chart graph plot diagram",
    "code", "short brief", "detail details", "simple plain layman", "formal", "informal casual", "steps", "example examples",
    "uppercase capitals", "lowercase", "analogy metaphor",
)
FORMAT_LEADS = frozenset({"as", "in", "into", "with", "using"})

# Words that phrase a request and do not change it.
PHRASING = (STOP_WORDS - _words("above after again before below down off out over under up")) | _words(
    "please pls kindly thanks thank hi hello hey dear give explain describe show let know want like need wonder help "
    "way ways possible able question context ok okay say any some one ones ever actually really also still yet already "
    "much many lot lots yourself myself exactly quickly main whether while during both such own per via something someone "
    "somebody happen us suggest recommend tip thing kind sort type certain text following allow required entitled must "
    "necessary include contain good however am pm get got between"
)
# Verbs that often say nothing ("make it stop", "stop it"), unless each prompt has another one in the same place.
LIGHT = frozenset(map(stem, _words("make take go come work use try see read find put keep locate tell ask idea")))

# Ways of asking that are made alike before anything else is read.
PHRASES = tuple((re.compile(rf"(?<!\S)(?:{pattern})(?!\S)"), words) for pattern, words in (
    (r"(?:is|are) there (?:a|any|some) ways? (?:to|of)", "can i"),
    (r"(?:what (?:is|are) )?(?:(?:the|a|some) )?(?:(?:best|right|correct|proper|easiest|simplest|good|easy|simple) )?ways? (?:to|of|for)",
     "how to"),
    (r"what can i do (?:about|to|so that)", "how to"),
    (r"(?:is it|would it be) (?:possible|ok|okay) to", "can i"),
    (r"(?:is it|would it be) better to", "should i"),
    (r"am i allowed to", "may i"),
    (r"(?:am i (?:required|obliged)|is it (?:necessary|mandatory)) to", "must i"),
    (r"is it a good idea to", "should i"),
    (r"(?:is|are) ((?:\w+ ){1,4})going to", r"will \1"),
    (r"a few", "several"),
    (r"would you (?:say|call)", "is"),
    (r"how do (?:you|i) say", "translate"),
    (r"(?:at )?what time", "when"),
    (r"how come|what (?:makes|causes)", "why"),
    (r"what is the number of", "how many"),
    (r"(?:in )?what year", "when"),
    (r"steps (?:to|for)", "how to"),
    (r"define", "what is"),
    (r"the process of", ""),
    (r"get(?:ting)? rid of", "remove"),
    (r"get ((?:\w+ ){1,4})(?:out of|off)(?: of)?", r"remove \1from"),
    (r"keep ((?:\w+ ){1,5})from", r"prevent \1from"),
    (r"switch (on|off)", r"turn \1"),
    (r"find out", "know"),
    (r"pros and cons", "advantages and disadvantages"),
    (r"get (?:my|the|some) money back", "refund"),
    (r"thank you(?: so much| very much)?|thanks a lot", "thanks"),
    (r"no longer", "not"),
    (r"any ?more|as well", ""),
    (r"e mail", "email"),
    (r"(?:does|do) ((?:\w+ ){1,4}?)contain ((?:\w+ ){0,3}\w+)$", r"is there \2 in \1"),
    (r"(what|who) (?:is|was) it that", r"\1"),
    (r"2fa", "two factor authentication"),
))

# Each group says one thing.
_SYNONYMS = _groups(
    "remove/delete/erase/drop/uninstall fix/repair/solve/resolve big/large buy/purchase start/begin/commence "
    "stop/prevent/avoid substitute/instead/replacement/replace/alternative advantage/pro/benefit disadvantage/con/drawback "
    "document/paper symptom/sign car/automobile child/kid holiday/vacation movie/film picture/photo/image "
    "phone/smartphone tv/television bike/bicycle doctor/physician city/town calculate/compute build/construct "
    "convert/turn/transform/cast update/upgrade choose/pick/select mistake/error/accident quick/fast/rapid "
    "cheap/inexpensive/affordable clothes/clothing shop/store boss/manager write/writer/author/create/generate/draft painter/paint "
    "composer/compose job/employment resume/cv mom/mother/mum dad/father summary/summarize/summarise hard/difficult "
    "improve/better/enhance mean/meaning/definition/define house/home flat/apartment visit/travel/trip parcel/package "
    "delivery/deliver/shipping end/finish/expire eat/edible drink/drinkable speak/talk lift/elevator colour/color "
    "organise/organize/arrange check/test/verify gift/present money/cash bill/invoice sick/ill angry/mad look/appear "
    "show/display differ/difference/different deep/depth tall/height far/distance heavy/weigh/weight wide/width "
    "detect/find age/old dispose/disposal centre/center favourite/favorite analyse/analyze licence/license grey/gray tyre/tire"
)
# fmt: on

OPPOSITES: dict[str, set[str]] = {}
for _one, _other in _OPPOSITES:
    OPPOSITES.setdefault(stem(_one), set()).add(stem(_other))
    OPPOSITES.setdefault(stem(_other), set()).add(stem(_one))
KINDS = {kind: frozenset(map(stem, _words(words))) for kind, words in _KINDS.items()}
PHRASING_STEMS = frozenset(map(stem, PHRASING - {"following"}))
SYNONYMS = {stem(word): stem(group[0]) for group in _SYNONYMS for word in group}
# "What does it cost" and "the cost of it" are one.
STATIVE = frozenset(SYNONYMS.get(root, root) for root in map(stem, _words("mean cost weigh differ")))
