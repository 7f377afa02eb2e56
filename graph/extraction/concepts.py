"""What a text is about: its noun-like phrases, by how often, how early and how long they are."""

import re
from collections.abc import Iterable, Iterator

from graph.english.function_words import STOP_WORDS
from graph.english.words import (
    ABSTRACT,
    ASIDES,
    AUXILIARIES,
    CALENDAR,
    FEELINGS,
    OPENERS,
    STATE_VERBS,
    STATES,
    VERBS,
    word_set,
)

MOST = 10
LONGEST_PHRASE = 3

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
# fmt: off
_EMPTY = word_set(
    "thing things stuff lot lots bit way ways sort kind kinds type types piece pieces side top end start part parts amount number time "
    "times day days week weeks month months year years hour hours minute minutes moment people person man woman guy guys someone anyone "
    "everyone nobody somebody anybody everybody place places example case cases fact idea ideas point points reason reasons problem question "
    "questions answer answers help matter detail details item items something anything nothing everything "
    "able aware actual additional available average bad big busy certain clear close common complete correct current different difficult easy "
    "enough entire exact excited extra fast few fine former free fresh full funny general glad good great happy hard high huge important "
    "interested interesting large late latest least less little long lovely low main major many minor more most much necessary new nice "
    "normal obvious old only open other own particular perfect poor possible previous proper quick quiet rare ready real recent "
    "regular right same serious several sharp short similar simple single slow small sorry special specific strong stupid such sure "
    "terrible tiny total true typical unable unique usual various warm weird whole wide worth wrong young best better worse worst bigger "
    "biggest cheaper cheap expensive earlier later larger smaller longer shorter colder warmer higher lower "
    "gonna wanna gotta ourselves myself yourself themselves herself himself itself each-other blast vibes worries reminds remind relax positive passionate peaceful touching gorgeous grateful thrilled stoked proud curious inspired joy impact progress etc calculate prioritize consider "
    "born allergic fluent married merry based located called named studies studied total regards unset via set dear across after against along already although always among anymore anyway apart around aside away back because before behind below beside "
    "besides between beyond both by despite during each either else especially etc even ever every except far finally first forever forward "
    "hence here hopefully however indeed inside instead into just last lately like maybe meanwhile near nearly neither never next nor now nowhere "
    "often once onto otherwise outside over perhaps per quite rather really recently second since so somehow sometimes somewhere soon still "
    "than then there therefore though through throughout thus together too toward towards twice under unless unlike until upon usually "
    "versus very via well when whenever where wherever whether while whose within without yet ago almost alone also any else everywhere "
    "one two three four five six seven eight nine ten hundred thousand million dozen half third double "
    "accept add agree allow appear apply arrive ask avoid become begin believe belong bring build bump buy call care carry catch celebrate "
    "change charge check choose claim climb close collect come compare complain consider contain continue cost cover create cut deal decide deploy "
    "depend describe design develop die discuss draw drink drive drop eat enable end ensure enter exist expect explain face fail fall fight fill find finish fix "
    "fly follow forget gave get give go grow guess handle happen hear hold hope hurt imagine improve include increase involve join keep kill know last "
    "laugh lead learn leave let lie listen lose maintain make manage mean meet mention mind miss move need notice offer open order own pay pick ping "
    "please point prefer prepare present prevent produce promise protect prove provide pull push put raise reach read realize receive recommend reduce refer "
    "refuse relate remain remember remove repeat replace reply report represent require restart return ring rise run save say see seem sell send serve set "
    "settle share shut sing sit sleep solve sound speak spend stand stay stop store study succeed suffer suggest support suppose swim take talk teach "
    "tell tend test think throw touch train travel treat try turn understand upgrade use visit wait walk want wash watch wear wish wonder work worry write "
    "knew known meant thought told took taken went gone came done did got gotten made said seen saw shown stood sold bought brought caught "
    "felt found gave given grew grown heard held kept knew led left lent lost met paid put ran sat sent set slept spent spoke spoken stood "
    "swam taught threw understood woke won wore written wrote ate eaten drove drew fell flew forgot fought built cost costs"
)
# fmt: on
_STOPS = (
    STOP_WORDS
    | OPENERS
    | AUXILIARIES
    | ASIDES
    | VERBS
    | STATE_VERBS
    | STATES
    | FEELINGS
    | ABSTRACT
    | CALENDAR
    | _EMPTY
)
_NOUNS_IN_ING = word_set("building meeting wedding painting clothing training ceiling evening string king ring wing spring "
                         "engineering marketing housing banking parking recording drawing beginning feeling morning thing")  # fmt: skip
_NOUNS_IN_ED = word_set("bed seed feed shed weed speed need breed deed red")
_NOUNS_IN_LY = word_set("family assembly anomaly butterfly belly jelly supply reply ally lily italy july")
_VERBAL = ("ing", "ed", "ly", "n't")


def concepts(prose: str, names: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    """The phrases of a text whose names are masked too, and the names, each with where it begins; best first."""
    scores: dict[str, float] = {}
    shown: dict[str, str] = {}
    for start, phrase in [*names, *_phrases(prose)]:
        key = phrase.lower()
        shown.setdefault(key, phrase)
        early = 1.0 / (1.0 + start / 2_000)
        words = phrase.count(" ") + 1
        scores[key] = scores.get(key, 0.0) + early * (1.0 + 0.4 * (words - 1))
    ranked = sorted(scores, key=lambda key: (-scores[key], key))
    kept: list[str] = []
    for key in ranked:
        if not any(f" {key} " in f" {other} " for other in kept):
            kept.append(key)
        if len(kept) == MOST:
            break
    return tuple(shown[key] for key in kept)


def is_telling(word: str) -> bool:
    """Whether a word may be or begin or end a concept."""
    lower = word.lower().replace("’", "'").removesuffix("'s")
    if len(lower) < 3 or lower in _STOPS or (lower.endswith("s") and lower[:-1] in _STOPS):
        return False
    if "'" in lower:
        return False
    return lower in _NOUNS_IN_ING | _NOUNS_IN_ED | _NOUNS_IN_LY or not lower.endswith(_VERBAL)


def _phrases(prose: str) -> Iterator[tuple[int, str]]:
    run: list[re.Match[str]] = []
    for word in _WORD.finditer(prose):
        joined = run and prose[run[-1].end() : word.start()] == " "
        if run and (not joined or len(run) == LONGEST_PHRASE or not is_telling(word[0])):
            yield run[0].start(), _shown(run)
            run = []
        if is_telling(word[0]):
            run.append(word)
    if run:
        yield run[0].start(), _shown(run)


def _shown(run: list[re.Match[str]]) -> str:
    phrase = " ".join(word[0] for word in run)
    return re.sub(r"['’]s$", "", phrase).lower()
