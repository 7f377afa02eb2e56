"""What may and what must not be answered from another prompt's answer."""

import json
import string
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.embeddings import ModelSpec, Runtime, get_embedder
from memories.working.likeness import differs as differ
from memories.working.likeness import read_prompt

PAIRS = Path(__file__).parents[3] / "benchmarks/data/prompt_pairs.jsonl"


def differs(stored, asked):
    return differ(read_prompt(stored), read_prompt(asked))


@pytest.mark.parametrize(
    ("guard", "stored", "asked"),
    [
        ("numbers", "Roast a turkey for 12 guests", "Roast a turkey for 14 guests"),
        ("numbers", "Name six kinds of cheese", "Name kinds of cheese"),
        ("numbers", "Is a 2.5 kg parcel too heavy?", "Is a 25 kg parcel too heavy?"),
        ("numbers", "Swallow .5 ml of syrup", "Swallow 5 ml of syrup"),
        ("numbers", "What are the wages in the 4th district?", "What are the wages in the fifth district?"),
        ("numbers", "Deduct 19% tax from the total", "Deduct 7% tax from the total"),
        ("numbers", "Does it cost 40 dollars?", "Does it cost 40 euros?"),
        ("numbers", "Is numpy ready for Python 3.13?", "Is numpy ready for Python 3.14?"),
        ("numbers", "Spread twenty-one cards on the table", "Spread twenty-two cards on the table"),
        ("numbers", "It was -3 degrees in the shed", "It was 3 degrees in the shed"),
        ("numbers", "Count from 10 to 20", "Count from 20 to 10"),
        ("dates", "Which concerts are there in October?", "Which concerts are there in November?"),
        ("dates", "Which concerts are there in May?", "Which concerts are there in June?"),
        ("dates", "Is the bakery open on Tuesday?", "Is the bakery open on Thursday?"),
        ("dates", "Was it windy yesterday?", "Was it windy today?"),
        ("dates", "Show the costs of last year", "Show the costs of this year"),
        ("numbers", "Who ruled Spain in 1808?", "Who ruled Spain in 1815?"),
        ("numbers", "The score was 2-4", "The score was 2 4"),
        ("numbers", "Round 7,000 down", "Round 7.000 down"),
        ("names", "Install v2.4", "Install v24"),
        ("numbers", "The bus at 9:45", "The bus at 945"),
        ("numbers", "Is 8% of it enough?", "Is 8 of it enough?"),
        ("numbers", "What is 10²?", "What is 102?"),
        ("names", "Which bridges cross the river in Porto?", "Which bridges cross the river in Bilbao?"),
        ("names", "What does shutil.move return?", "What does shutil.copy return?"),
        ("names", "Delete /var/log/old.txt", "Delete /var/log/new.txt"),
        ("names", "Forward this to lea@firm.example", "Forward this to leo@firm.example"),
        ("names", "Read https://a.example/one aloud", "Read https://a.example/two aloud"),
        ("names", 'How is "thorough" spelled?', 'How is "though" spelled?'),
        ("names", "Does the IMF publish its data?", "Does the OECD publish its data?"),
        ("names", "How fast is C++ code?", "How fast is C code?"),
        ("names", "What is the salary of Edward?", "What is the salary of Edwards?"),
        ("names", "Who directed Aliens?", "Who directed Alien?"),
        ("names", "Book a table at the Crowne in Leeds", "Book a table at the Crown in Leeds"),
        ("names", "When does Fred King arrive?", "When does Fred Kinged arrive?"),
        ("complement", "He stopped to smoke", "He stopped smoking"),
        ("complement", "I remembered locking the door", "I remembered to lock the door"),
        ("tense", "Where is my suitcase?", "Where was my suitcase?"),
        ("scope", "Is the key on the mat?", "Is the key under the mat?"),
        ("question", "What can I paint with chalk?", "How do I paint with chalk?"),
        ("modality", "Must guests pay?", "May guests pay?"),
        ("modality", "Should I salt the water?", "Must I salt the water?"),
        ("modality", "Can pupils leave early?", "Must pupils leave early?"),
        ("modality", "It may snow on Monday", "It will snow on Monday"),
        ("modality", "What could we have cooked?", "What should we have cooked?"),
        ("modality", "Do I have to queue?", "Can I queue?"),
        ("modality", "Am I allowed to vote?", "Am I required to vote?"),
        ("persons", "What is my name?", "What is your name?"),
        ("persons", "Who am I?", "Who are you?"),
        ("persons", "What did she reply?", "What did he reply?"),
        ("negation", "Which plants may I water at noon?", "Which plants may I not water at noon?"),
        ("negation", "Fry an egg with butter", "Fry an egg without butter"),
        ("negation", "The heating works", "The heating doesn't work"),
        ("negation", "The heating works", "The heating no longer works"),
        ("negation", "Is that word printable?", "Is that word unprintable?"),
        ("negation", "We may swim but we can't dive", "We can't swim but we may dive"),
        ("opposites", "How do I raise the saddle?", "How do I lower the saddle?"),
        ("opposites", "Do I salt the steak before grilling?", "Do I salt the steak after grilling?"),
        ("opposites", "How do I disable the firewall?", "How do I enable the firewall?"),
        ("opposites", "Where do I sell old coins?", "Where do I buy old coins?"),
        ("order", "Are cats smarter than dogs?", "Are dogs smarter than cats?"),
        ("order", "Take the ferry from Dover to Calais", "Take the ferry from Calais to Dover"),
        ("order", "Do wolves hunt bears?", "Do bears hunt wolves?"),
        ("order", "Did Disney buy Pixar?", "Was Disney bought by Pixar?"),
        ("order", "My neighbour owes me an apology", "I owe my neighbour an apology"),
        ("order", "Simplify x - y", "Simplify y - x"),
        ("order", "Is my aunt's tailor here?", "Is my tailor's aunt here?"),
        ("order", "Ada's cousin's horse", "Ada's horse's cousin"),
        ("order", "Our cook's boss's car", "Our boss's cook's car"),
        ("order", "The author of the editor", "The editor of the author"),
        ("order", "Which cat owners feed foxes?", "Which foxes feed cat owners?"),
        ("order", "Katze jagt Maus", "Maus jagt Katze"),
        ("order", "Pedro llama a Lucía", "Lucía llama a Pedro"),
        ("order", "Die kleine Katze jagt die Maus", "Die Maus jagt die kleine Katze"),
        ("order", "Which company bought Slack?", "Which company did Slack buy?"),
        ("order", "What killed the cat?", "What did the cat kill?"),
        ("order", "What eats sharks?", "What do sharks eat?"),
        ("order", "What eats sharks?", "What are sharks eating?"),
        ("order", "Who knows Ada?", "Who does Ada know?"),
        ("order", "Who wrote to Ada?", "Who did Ada write?"),
        ("order", "Who called you?", "Who did you call?"),
        ("order", "Can I call you?", "Can you call me?"),
        ("order", "Merge main into dev", "Merge dev into main"),
        ("order", "Add a to b", "Add b to a"),
        ("order", "Put the box in the bag", "Put the bag in the box"),
        ("order", "Is a less than b?", "Is b less than a?"),
        ("order", "What did he say about her?", "What did she say about him?"),
        ("order", "What did she say about his dog?", "What did he say about her dog?"),
        ("order", "Give the French word for cat", "Give the word for French cat"),
        ("order", "Did the first runner pass the last runner?", "Did the last runner pass the first runner?"),
        ("order", "The old address of our uncle", "Our old uncle's address"),
        ("order", "Which cooks in Graz praise butter?", "Which cooks praise butter in Graz?"),
        ("order", "If the bell rings, does the cat hide?", "Does the bell ring if the cat hides?"),
        ("order", "When the cat hides, does it rain?", "When it rains, does the cat hide?"),
        ("order", "Paris, Texas", "Texas, Paris"),
        ("order", "Does cocoa contain milk?", "Is there cocoa in milk?"),
        ("order", "Name the best wine for cheap cheese", "Name the best cheap wine for cheese"),
        ("question", "Who built the lighthouse?", "When was the lighthouse built?"),
        ("question", "How many bees are in a hive?", "Why are bees in a hive?"),
        ("question", "Should I prune the roses?", "How should I prune the roses?"),
        ("format", "Sum it up in short", "Sum it up in detail"),
        ("names", "Describe the heart", "Describe the heart in French"),
        ("numbers", "Describe the heart", "Describe the heart in one sentence"),
        ("scope", "What should a visitor eat?", "What should a diabetic visitor eat?"),
        ("order", "Why do only nurses work here?", "Why do nurses only work here?"),
        ("scope", "Is the tea too hot?", "Is the tea hot?"),
        ("preposition", "Is the spoon in the drawer?", "Is the spoon on the drawer?"),
        ("preposition", "Sail to Malta on Friday", "Sail from Malta on Friday"),
        ("symbols", "What is p == q?", "What is p = q?"),
        ("symbols", "What is p && q?", "What is p & q?"),
        ("order", "What is p ** q?", "What is q ** p?"),
        ("order", "What does max(p, q) give?", "What does max(q, p) give?"),
        ("symbols", "Show [p, q]", "Show (p, q)"),
        ("symbols", "What does !ready mean?", "What does ready mean?"),
        ("symbols", "Delete ./dist", "Delete /dist"),
        ("symbols", "She wrote :) to me", "She wrote :( to me"),
        ("case", "Is the law good for US farmers?", "Is the law good for us farmers?"),
        ("case", "Which Polish words are rude?", "Which polish words are rude?"),
        ("case", "Why is IT so slow?", "Why is it so slow?"),
        ("case", "who likes polish?", "Who likes Polish?"),
        ("case", "Kennen Sie Graz?", "Kennen sie Graz?"),
        ("case", "Is a 50 Mb file big?", "Is a 50 MB file big?"),
        ("case", "What does sort -r do?", "What does sort -R do?"),
        ("case", "Where is newList set?", "Where is newlist set?"),
        ("quotes", 'Say "yes, sir"', 'Say "yes sir"'),
        ("quotes", "What is `p` here?", "What is 'p' here?"),
        ("quotes", "Correct: its cold", "Correct: it's cold"),
        ("quotes", "Is the comma right in: stop, thief", "Is the comma right in: stop thief"),
        ("words", "How do I peel a mango?", "How do I store a mango?"),
        ("words", "Is 4 < 9?", "Is 4 > 9?"),
        ("words", "I feel 😀 about it", "I feel 😡 about it"),
    ],
)
def test_another_question(guard, stored, asked):
    assert differs(stored, asked) == guard
    assert differs(asked, stored) == guard


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("How do I prune roses?", "What is the best way to prune roses?"),
        ("How do I prune roses?", "Could you please explain how to prune roses"),
        ("Pay 1,500 dollars to the builder", "Pay $1500 to the builder"),
        ("Name twenty-five rivers", "Name 25 rivers"),
        ("How do you fold a napkin?", "How do I fold a napkin?"),
        ("Is 5 percent a lot?", "Is 5% a lot?"),
        ("What happened on 3 May 1808?", "What happened on May 3rd, 1808?"),
        ("Let's meet at 7:00 pm", "Let's meet at 7pm"),
        ("The radio doesn't work", "The radio does not work"),
        ("In Haskell, how do I fold a list?", "How do I fold a list in Haskell?"),
        ("how do i fold a list in haskell", "How do I fold a list in Haskell?"),
        ("Which is warmer, wool or cotton?", "Which is warmer, cotton or wool?"),
        (
            "How do I fold a list without a loop in Haskell?",
            "In Haskell, how do I fold a list without a loop?",
        ),
        ("When I open the lid, the mixer stops", "The mixer stops when I open the lid"),
        ("I have a mole. Should I buy a cat?", "Should I buy a cat? I have a mole."),
        ("How do I get from Graz to Linz?", "How do I get to Linz from Graz?"),
        ("Which is stronger, black tea or green tea?", "Which is stronger, green tea or black tea?"),
        ("Was Pixar bought by Disney?", "Did Disney buy Pixar?"),
        ("How do I poach an egg?", "How is an egg poached?"),
        ("What does a barrel cost?", "What is the cost of a barrel?"),
        ("Does cocoa contain milk?", "Is there milk in cocoa?"),
        ("What is Austria's current population?", "What is the current population of Austria?"),
        ("Which size of rug fits?", "Which rug size fits?"),
        (
            "Which shelves can I mount horizontally at home?",
            "Which shelves can I horizontally mount at home?",
        ),
        ("My kettle leaks, what can I do?", "What can I do if my kettle leaks?"),
        ("Can I buy a used kayak?", "May I purchase a used kayak?"),
        ("How many legs do spiders have?", "How many legs does a spider have?"),
        ("What is our uncle's address?", "What is the address of our uncle?"),
        ("Read verses 2-4", "Read verses 2 to 4"),
        ("What happened between 1815 and 1848?", "What happened from 1815 to 1848?"),
        ("Could you please draw a fox?", "Draw a fox"),
        ("How can I draw a fox?", "How do I draw a fox?"),
        ("How could I draw a fox?", "How can I draw a fox?"),
        ("Must I wear a helmet?", "Do I have to wear a helmet?"),
        ("When should I sow peas?", "When do I sow peas?"),
        ("how do i copy a file to s3 on aws", "How do I copy a file to S3 on AWS?"),
        ("HOW DO I POLISH SILVER", "How do I polish silver?"),
        ("Where Does It Snow In May", "where does it snow in may?"),
        ("how do i sort a list in ruby", "How do I sort a list in Ruby?"),
        ("Is the french revolution over?", "Is the French Revolution over?"),
        ("What does p == q mean?", "Explain what p == q means"),
        ("What does max( p, q ) give?", "What does max(p, q) give?"),
        ('Who sang "Imagine"?', "Who sang Imagine?"),
        ("wo liegt der höchste berg", "Wo liegt der höchste Berg?"),
        ("", "   "),
    ],
)
def test_the_same_question(stored, asked):
    assert differs(stored, asked) is None
    assert differs(asked, stored) is None


texts = st.text() | st.text(alphabet="aA1-.,:'\"“%$@/_ \n\t+*¬½²ﷺ༪()[]=<")
# Words that the guards know, so that they meet.
KNOWN = "my your he her not no unlock lock from to than by I you 3 three 2nd $ % may in last week how why what is do Oslo me it must can of wife's brother US us Polish polish == !="
sentences = st.lists(st.sampled_from(KNOWN.split()), max_size=8).map(" ".join)
words = st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=8), min_size=1, max_size=30)


@given(texts | sentences, texts | sentences)
def test_takes_any_text_and_either_order(one, other):
    assert differs(one, other) == differs(other, one)


@given(texts | sentences)
def test_a_prompt_may_answer_itself(text):
    assert differs(text, text) is None


@given(
    words, st.sampled_from(["", ".", "?", " !", "..."]), st.sampled_from([" ", "  ", "\n", ", ", "; ", " – "])
)
def test_blanks_punctuation_and_the_first_capital_change_nothing(words, end, between):
    plain = " ".join(words)
    assert differs(plain, f"  {between.join([words[0].capitalize(), *words[1:]])}{end}") is None


@pytest.mark.parametrize(
    "piece",
    [
        "1,",
        "“",
        '"',
        "a.",
        "get a ",
        "1 * ",
        "not ",
        "un",
        "keep a b c d ",
        "'a",
        "twenty five ",
        "a's ",
        "f(",
        "-v ",
        "from b to c, ",
    ],
)
def test_a_hostile_text_takes_linear_time(piece):
    def spent(pieces):
        began = time.process_time()
        differs(piece * pieces, piece * pieces + "x")
        return time.process_time() - began

    spent(1)
    assert spent(20_000) < 40 * spent(2_000)  # ten times where it is linear, a hundred where it is quadratic


@pytest.mark.parametrize("part", ["tune", "check", "second look", "last look", "third look"])
def test_of_labelled_pairs_at_most_one_hit_in_a_hundred_is_false(part, settings, tmp_path):
    pairs = [pair for pair in map(json.loads, PAIRS.read_text().splitlines()) if pair["part"] == part]
    spec = ModelSpec(name="all-minilm-l6-v2", provider="onnx", dimensions=384)
    texts = sorted({pair[side] for pair in pairs for side in ("stored", "asked")})
    encodings = get_embedder(spec, Runtime(prepared=tmp_path)).encode(texts)
    vectors = {text: encoding.vector for text, encoding in zip(texts, encodings, strict=True)}
    hits = [
        pair["same"]
        for pair in pairs
        if vectors[pair["stored"]] @ vectors[pair["asked"]] >= settings.MEMOS_LLM_CACHE_THRESHOLD
        and differs(pair["stored"], pair["asked"]) is None
    ]
    assert sum(hits) / len(hits) >= 0.99
    assert sum(hits) >= 0.7 * sum(pair["same"] for pair in pairs)
