"""English words that the entity tracker knows: given names, roles, things, verbs, and capitals that name nobody."""


def word_set(text: str) -> frozenset[str]:
    """The words of a text, for lists too long to put each in quotation marks."""
    return frozenset(text.split())


# fmt: off
FEMALE_NAMES = word_set(
    "abigail ada adele agnes aisha alexandra alexis alice alicia alina alison allison amanda amber amelia amina amy ana "
    "anastasia andrea angela angelina angie anita ann anna annabelle anne annie antonia april aria ariana ashley astrid "
    "audrey aurora ava barbara beatrice bella beth bethany betty bianca birgit bonnie brenda bridget brittany brooke camila "
    "camille carina carla carmen carol carolina caroline carolyn cassandra catherine cathy cecilia celia charlotte chelsea "
    "chloe christina christine cindy claire clara claudia colleen constance cora courtney cynthia daisy daniela danielle "
    "daphne dawn deborah debbie debra deirdre delia denise diana diane dolores donna dora doris dorothy edith eileen elaine "
    "eleanor elena eleni elif elisa elise eliza elizabeth ella ellen ellie elsa emilia emily emma erica erika erin esther "
    "eva eve evelyn faith fatima fiona flora florence francesca frances freya gabriela gabriella gabrielle gemma georgia "
    "gertrude gina gisela giulia gloria grace greta gretchen gwen hailey hanna hannah harriet heather heidi helen helena "
    "helga hilary hilda holly ida ines ingrid irene iris irina isabel isabella ivana ivy jacqueline jade jane janet janice "
    "jasmine jean jeanne jemma jen jenna jennifer jenny jessica jill joan joanna joanne jocelyn johanna josephine joy joyce "
    "judith judy julia juliana julie juliet june kaitlyn karen karin kate katherine kathleen kathryn kathy katie katrina "
    "kayla keiko kelly kimberly kira kirsten kristen kristin kristina lara laura lauren lea leah leila lena leslie lillian "
    "lily linda lindsay lisa liv livia liz liza lizzie lois lorena lorraine louisa louise lucia lucy luisa luna lydia "
    "lynn mabel madeleine madison maeve maggie magdalena maja mandy mara margaret margarita maria mariam marie marina marion "
    "marissa marjorie marlene marta martha martina mary matilda maude maureen maya megan mei melanie melissa mercedes mia "
    "michelle mila mildred miranda miriam molly mona monica monika myra nadia nancy naomi natalia natalie natasha nell "
    "nellie nia nicole nina noemi nora norma odette olga olivia paige pamela patricia patty paula pauline peggy penelope "
    "penny petra phoebe phyllis priscilla priya rachel ramona rebecca regina renata renee rita roberta rosa rosalie rose "
    "rosemary rosie roxanne ruby ruth sabina sabrina sally samantha sandra sara sarah selena serena shannon sharon sheila "
    "shirley silvia simone sofia sonia sophia sophie stacy stella stephanie sue susan susanne suzanne svetlana sylvia tamara "
    "tanya tara tatiana teresa tessa thea theresa tiffany tina tracy trudy ursula valentina valeria valerie vanessa vera "
    "veronica vicky victoria viola violet virginia vivian wanda wendy whitney yasmin yolanda yuki yvonne zara zoe"
)
MALE_NAMES = word_set(
    "aaron abdul abraham adam adrian ahmed alan albert alberto alejandro alexander alfred ali alistair allan allen alvin "
    "amir anders andre andrei andrew andy anthony anton antonio archie arjun arnold arthur austin barry bartholomew ben "
    "benjamin bernard bill billy bjorn bob bobby boris brad bradley brandon brendan brent brett brian bruce bruno bryan "
    "caleb calvin carl carlos cedric charles charlie chester chris christian christopher clarence clark claude clayton "
    "clement clifford clive clyde colin conor connor craig curtis cyril damian dan daniel danny darren darryl dave david dean "
    "dennis derek dev diego dieter dimitri dirk dmitri dominic don donald douglas duncan dustin dwight earl eddie edgar "
    "edmund eduardo edward edwin eli elias elliot emil emmanuel enrique eric erik ernest ethan eugene evan fabian felix "
    "ferdinand fernando filip finn floyd francis francisco franco frank franz fred frederick fritz gabriel gareth gary "
    "gavin geoffrey george gerald gerard gilbert giovanni glen gordon graham grant greg gregory guillaume gunther gustav guy "
    "hamza hans harald harold harry harvey hassan hector heinrich henrik henry herbert herman hiroshi horace howard hubert "
    "hugh hugo ian ibrahim igor isaac ivan jack jackson jacob jacques jake jakob jamal james jan jared jason javier jay jeff "
    "jeffrey jens jeremy jerome jerry jim jimmy joachim joao joe joel johan johann john johnny jon jonas jonathan jorge jose "
    "josef joseph josh joshua juan julian julio justin karl keith ken kenji kenneth kevin klaus kofi kurt kyle lance larry lars "
    "laurence lawrence leo leon leonard leroy lewis liam lionel lloyd logan lorenzo louis luca lucas luigi luis lukas luke "
    "magnus malcolm manuel marc marcel marco marcos marcus mario mark markus marshall martin marvin mateo mathias matt matteo "
    "matthew matthias maurice max maximilian michael miguel mike milan miles milo mitchell mohamed mohammed morris moritz "
    "mustafa nathan nathaniel neil nelson nicholas nick nico niklas nigel nikolai nils noah norman oleg oliver olof omar "
    "oscar oskar oswald otto owen pablo patrick paul pavel pedro percy pete peter phil philip philippe pierre pieter rafael "
    "rainer raj ralph ramon randall raphael rashid raul raymond reginald rene ricardo richard rick roberto rob robert rodney "
    "rodrigo roger roland roman ron ronald ross roy rudolf rupert russell ryan salvador samir samuel santiago scott sean "
    "sebastian sergei sergio seth shane simon spencer stan stanley stefan stephen steve steven stuart sven tariq ted terence "
    "theo theodore thiago thomas tim timothy tobias todd tom tomas tommy tony travis trevor tristan tyler umar valentin "
    "vernon victor viktor vincent vladimir walter warren wayne werner wilhelm will william wim wolfgang xavier yann yusuf zachary"
)
NEUTRAL_NAMES = frozenset(
    ["alex", "ariel", "avery", "bailey", "cameron", "casey", "charlie", "chen", "dana", "devon", "drew", "eden", "femi", "hayden", "jamie", "jesse", "jo", "jordan", "jude", "kai", "kim", "lee", "lou", "marley", "mel", "morgan", "nicky", "noel", "pat", "quinn", "reese", "remy", "riley", "robin", "rory", "rowan", "sam", "sami", "sandy", "sasha", "shay", "skyler", "sydney", "taylor", "toni", "wei", "yong"]
)
GIVEN_NAMES = FEMALE_NAMES | MALE_NAMES | NEUTRAL_NAMES
# Given names that are common English words, months or other names too: they count only with their capital.
WORDS_TOO = frozenset(
    ["amber", "april", "art", "aria", "aurora", "austin", "bill", "brad", "brandon", "brooke", "carol", "chase", "chester", "christian", "claude", "clark", "clement", "constance", "daisy", "dan", "dawn", "dean", "diego", "don", "drew", "earl", "eden", "eve", "faith", "finn", "flora", "florence", "frank", "franco", "gene", "glen", "georgia", "grace", "grant", "guy", "hamza", "harry", "heather", "holly", "hope", "iris", "ivy", "jack", "jade", "jan", "jay", "jean", "jimmy", "jo", "jordan", "joy", "june", "kai", "kim", "lance", "lea", "lee", "leo", "liv", "lou", "luna", "magnus", "mark", "marina", "marshall", "max", "may", "mercedes", "miles", "milan", "mona", "morris", "noel", "norma", "olive", "pat", "patty", "penny", "percy", "phil", "pierre", "rainer", "raj", "ray", "regina", "rob", "robin", "roman", "rose", "ross", "rosemary", "roy", "ruby", "sam", "sandy", "santiago", "sasha", "scott", "serena", "sierra", "spencer", "stella", "sue", "sydney", "ted", "tiffany", "tony", "tyler", "valentin", "vera", "victoria", "viola", "violet", "virginia", "wanda", "warren", "wei", "will", "wim"]
)
_NICKNAMES = """
    elizabeth: liz lizzie lizzy beth betty eliza libby betsy; robert: rob bob bobby robbie; william: will bill billy liam
    richard: rick dick rich ricky; margaret: maggie meg peggy greta; katherine: kate katie kathy kat kitty
    catherine: cathy kate katie cat; kathryn: kate katie kathy; james: jim jimmy jamie; john: johnny jack; michael: mike mick
    mikey; edward: ed eddie ted ned; thomas: tom tommy; joseph: joe joey; charles: charlie chuck; daniel: dan danny
    david: dave davey; anthony: tony; andrew: andy drew; alexander: alex sasha; alexandra: alex sasha sandra; samuel: sam sammy
    samantha: sam sammy; benjamin: ben benny; jonathan: jon jonny; matthew: matt; nicholas: nick nicky; patricia: pat patty
    tricia; patrick: pat paddy; rebecca: becca becky; jennifer: jen jenny; susan: sue susie; deborah: deb debbie; barbara: barb
    christine: chris tina; christina: chris tina; christopher: chris kit topher; stephen: steve; steven: steve; gregory: greg
    kenneth: ken kenny; lawrence: larry; gerald: gerry; theodore: ted theo; timothy: tim timmy; peter: pete; philip: phil
    ronald: ron; donald: don; francis: frank; franklin: frank; frederick: fred freddie; henry: harry hank; victoria: vicky tori
    dorothy: dot dottie; abigail: abby gail; isabella: bella izzy; isabel: izzy; gabriella: gabby; jacqueline: jackie
    jessica: jess jessie; kimberly: kim; melissa: mel missy; melanie: mel; natalie: nat; nathaniel: nate nat; nathan: nate
    olivia: liv livvy; pamela: pam; stephanie: steph; teresa: terry tess; theresa: terry tess; valerie: val; vincent: vince
    walter: walt wally; zachary: zach zack; joanna: jo; josephine: jo josie; angela: angie; amanda: mandy; emily: em emmy
    eleanor: ellie nell nora; ellen: ellie nell; maximilian: max; mohammed: mo; sophia: sophie; antonia: toni; raymond: ray
    albert: al bert; alfred: al fred alfie; leonard: leo lenny; penelope: penny; phoebe: phebe; sebastian: seb; tobias: toby
"""
NICKNAMES = {
    full.strip(): frozenset(short.split())
    for line in _NICKNAMES.replace("\n", ";").split(";") if ":" in line
    for full, _, short in [line.partition(":")]
}

FEMALE_TITLES = frozenset(("ms", "mrs", "miss", "madam", "aunt", "auntie"))
MALE_TITLES = frozenset(("mr", "sir", "uncle"))
TITLES = FEMALE_TITLES | MALE_TITLES | {"mx", "dr", "doctor", "prof", "professor", "judge", "officer", "coach"}

FEMALE_ROLES = word_set(
    "sister mother mom mum mommy mama daughter wife aunt auntie niece girlfriend fiancée grandmother grandma granny nan "
    "stepmother stepsister landlady waitress actress woman girl lady ex-wife mother-in-law sister-in-law"
)
MALE_ROLES = word_set(
    "brother father dad daddy papa son husband uncle nephew boyfriend fiancé grandfather grandpa granddad stepfather "
    "stepbrother man boy guy ex-husband father-in-law brother-in-law"
)
PLURAL_ROLES = word_set(
    "kids children parents friends colleagues coworkers teammates neighbours neighbors students grandparents siblings sisters "
    "brothers sons daughters cousins twins family team clients customers users tenants roommates"
)
# Of these one person easily has several, so that the role alone does not say who.
SHARED_ROLES = word_set(
    "friend buddy pal colleague coworker teammate neighbour neighbor cousin student client customer kid child brother sister "
    "son daughter aunt uncle nephew niece user tenant roommate flatmate classmate"
)
PERSON_ROLES = FEMALE_ROLES | MALE_ROLES | PLURAL_ROLES | SHARED_ROLES | word_set(
    "partner spouse baby toddler bestie ex fiance manager boss supervisor director ceo cto cfo founder cofounder co-founder "
    "president chairman owner employee intern assistant secretary receptionist teacher tutor professor coach mentor trainer "
    "principal therapist counselor counsellor psychologist doctor nurse surgeon dentist vet physician pharmacist lawyer "
    "attorney solicitor accountant auditor banker broker consultant advisor adviser analyst architect engineer developer "
    "programmer designer tester administrator admin electrician plumber carpenter mechanic gardener cleaner builder contractor "
    "painter artist musician singer guitarist drummer pianist writer author poet editor journalist photographer filmmaker "
    "producer actor dancer chef cook baker waiter bartender barista driver pilot captain soldier firefighter policeman officer "
    "detective judge mayor senator scientist researcher librarian landlord host guest supplier vendor recruiter interviewer "
    "candidate applicant patient babysitter nanny guide instructor salesperson agent representative technician operator courier"
)
PETS = word_set("dog puppy pup cat kitten kitty hamster rabbit bunny parrot bird horse pony turtle tortoise pet")
THINGS = PETS | word_set(
    "service backend server database cluster gateway api app application website site portal dashboard pipeline system "
    "platform module library framework repo repository branch build deployment queue cache bot model project prototype release "
    "ticket bug invoice report contract budget proposal presentation document spreadsheet essay thesis novel book script "
    "podcast blog channel car van truck bike bicycle motorbike motorcycle scooter boat train bus laptop computer phone tablet "
    "printer camera guitar piano violin drums tv television fridge oven stove dishwasher boiler heater heating tap faucet sink "
    "toilet shower roof window door garage house flat apartment kitchen garden office studio shop store restaurant cafe café "
    "bakery gym school company business startup farm garage order package parcel shipment account subscription policy "
    "insurance licence license passport visa loan mortgage lease flight router modem network wifi keyboard monitor screen"
)
# Subjects of sentences that are no things: "the point is", "the best part was".
ABSTRACT = word_set(
    "thing point problem idea fact question reason part goal way time day week weekend month year experience feeling answer "
    "truth rest most best worst only first last other same one kind sort type lot bit moment view place support journey "
    "result key trick difference point news weather world life heart mind opinion plan case example number amount vibe "
    "atmosphere energy process topic issue sound look feel aim focus step steps next following future past night morning "
    "evening afternoon hope dream turnout game event goal purpose challenge good bad great favorite favourite name"
)

ORGANISATION_WORDS = word_set(
    "inc ltd llc gmbh corp corporation co company plc ag bank university institute foundation college agency ministry "
    "department association council committee club hospital clinic school academy group partners holdings labs studios "
    "airlines insurance press society union center centre organization organisation"
)
LEGAL_FORMS = word_set("inc ltd llc gmbh corp corporation co company plc ag")
PLACE_WORDS = word_set(
    "street st road avenue lane square park beach lake river mountain mountains mount hill island islands city county valley "
    "airport station bridge forest bay coast canyon falls desert town village district harbour harbor peninsula"
)
PLACES = word_set(
    "africa america asia europe antarctica england scotland wales ireland britain uk usa us france germany spain portugal italy "
    "greece turkey sweden norway denmark finland iceland poland austria switzerland belgium netherlands hungary romania bulgaria "
    "croatia serbia slovenia slovakia ukraine russia china japan korea india pakistan bangladesh vietnam thailand indonesia "
    "malaysia singapore philippines australia canada mexico brazil argentina chile peru colombia cuba jamaica egypt morocco "
    "nigeria kenya ghana ethiopia israel palestine lebanon syria iran iraq afghanistan qatar dubai london paris berlin munich "
    "hamburg vienna zurich geneva rome milan venice florence naples madrid barcelona lisbon porto amsterdam rotterdam brussels "
    "dublin edinburgh glasgow manchester liverpool birmingham oxford cambridge bristol copenhagen stockholm oslo helsinki "
    "reykjavik warsaw krakow prague budapest bucharest sofia athens istanbul moscow kyiv tallinn riga vilnius cairo lagos nairobi "
    "delhi mumbai bangalore beijing shanghai tokyo kyoto osaka seoul hanoi bangkok jakarta sydney melbourne brisbane auckland "
    "toronto vancouver montreal boston chicago seattle portland denver dallas houston austin miami atlanta philadelphia "
    "washington detroit phoenix vegas hollywood brooklyn manhattan california texas florida oregon arizona nevada colorado "
    "alaska hawaii ohio michigan minnesota wisconsin illinois massachusetts connecticut pennsylvania maryland tennessee kentucky "
    "louisiana alabama bali nepal"
)
# Before a preposition: "moved to", "a trip to".
PLACE_CUES = word_set(
    "live lives lived living move moves moved moving travel travels travelled traveled travelling traveling trip fly flies flew "
    "flying flight drive drove driving go goes going went gone visit visits visited visiting born based back arrived arrive "
    "landed stay stayed staying vacation holiday weekend roadtrip tour touring apartment house home"
)
WORK_CUES = word_set(
    "work works worked working job intern interned internship employed hired ceo founder interview position role career "
    "contract sponsorship endorsement deal"
)
PERSON_VERBS = word_set(
    "said says thinks thought wants wanted told asked called texted emailed wrote replied answered loves hates lives moved married "
    "died laughed smiled cried agreed suggested promised plays prefers knows joined"
)
PERSON_CUES = word_set(
    "met meet meeting tell told telling ask asked asking text texted emailed hey hi hello dear thanks congrats congratulations "
    "bye goodbye cheers sorry and, yo mr mrs ms"
)

# Capitals that name nobody and nothing: days, months, languages and peoples, and what opens a sentence.
CALENDAR = word_set(
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun january february march "
    "april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec christmas "
    "xmas easter halloween thanksgiving ramadan hanukkah diwali spring summer autumn fall winter am pm utc gmt mondays tuesdays wednesdays thursdays fridays saturdays sundays"
)
PEOPLES = word_set(
    "english french german spanish italian portuguese dutch swedish norwegian danish finnish polish czech hungarian greek turkish "
    "russian ukrainian chinese japanese korean indian vietnamese thai indonesian australian canadian mexican brazilian irish "
    "scottish welsh british american european african asian arabic hebrew hindi latin swiss austrian belgian catholic christian "
    "muslim jewish buddhist hindu western eastern victorian cuban colombian peruvian moroccan egyptian nigerian kenyan filipino jamaican hawaiian caribbean"
)
OPENERS = word_set(
    "aha ah alas all almost alright also although always amazing and another any anyone anything anyway apart apparently are as "
    "at awesome aw aww awww back basically be beautiful because been before being believe best better between big both bravo "
    "but by bye call can certainly cheers clearly come coming congrats congratulations consider cool could cute damn dear "
    "definitely despite did do does doing don done each easy either else enjoy enough even ever every everybody everyone "
    "everything exactly excellent excited exciting fab fair fantastic fellow few finally fine first following for "
    "fortunately from fun fyi get getting give given glad go god going good gosh got gotcha great had haha happy hard has have "
    "having he hello help here hers hey hi his honestly hope hopefully how however huge hugs hmm if imagine impressive in "
    "incredible indeed initially inspiring instead interesting is it just keep kind kudos last lately later least less let "
    "like likewise lol look looking looks lots love loved lovely loving lucky make making many maybe me meanwhile might mine "
    "more moreover morning most much my myself nah name neat need neither never new next nice no nobody none nope not note "
    "nothing now of oh ok okay old omg on once one only oof ooh oops or other otherwise ouch our out over own part people "
    "perfect perhaps personally phew photo please plus pretty probably proud ps quick quite rather re read ready real really "
    "recently regarding remember right same say says second see seems seriously several shame she should simply since so some "
    "somebody someone something sometimes soon sorry sounds speaking still stay step such super sure surely take taking talk "
    "tell thank thankfully thanks that the their them then there therefore these they thing things think third this those "
    "though three through thus to today together tomorrow tonight too totally tough try trying two ugh um under unfortunately "
    "unless until update us use usually very want was way we welcome well were what whatever when whenever where whether which "
    "while who whoa whose why wild will wish with within without wonderful wow woah woohoo work would wrong yay yea yeah yep "
    "yes yesterday yet you your yours yourself yup y'all i ai tv id pic pics vs etc eg ie asap diy faq ceo cto cfo hr it's "
    "thats lets whats dont cant im ive hows btw imo tbh idk lmao rip nsfw eta tbd todo"
)
FOUND_ALONE = word_set("ai api http https html css json xml sql url uri ui ux os cpu gpu ram usb pdf csv id db")

BE = word_set("is was are were am isn't wasn't aren't weren't")
AUXILIARIES = BE | word_set(
    "has had have will won't would wouldn't can can't could couldn't does did do doesn't didn't don't hasn't hadn't haven't should "
    "shouldn't must may might"
)
VERBS = PERSON_VERBS | word_set(
    "became become began bought broke brought built came chose cut drew drove ate fell felt fought found flew forgot gave went got "
    "grew hit held hurt kept left lent lost made met paid put quit ran rang read rose sang sat saw sold sent set slept spent spoke "
    "stole swam took taught tore threw understood woke won wore love like hate want need live work play run own teach study plan "
    "prefer use keep enjoy make start feel"
)
# What a thing is or does when somebody mentions it for its state: "the dishwasher is broken", "the parcel arrived".
STATES = word_set(
    "broken down up fixed late ready done gone lost stolen offline online working leaking failing delayed cancelled canceled "
    "finished closed open full empty dead stuck slow out back running blocked flooded missing repaired replaced sold booked due "
    "overdue approved rejected signed paid unpaid signed shipped delivered deployed live green red expired locked on off"
)
STATE_VERBS = word_set(
    "broke works worked stopped crashed crashes failed fails arrived died leaks leaked exploded froze opened closed expired "
    "started runs ran"
)
# What comes after "I" without saying anything about the speaker.
ASIDES = word_set(
    "think thought guess know knew mean hope hoped see agree suppose understand believe wonder wish bet appreciate can could would "
    "should might may must do did don't didn't can't couldn't wouldn't say said remember hear heard imagine get got look love "
    "loved like liked need want wanted feel felt"
)
FEELINGS = word_set(
    "glad happy sure sorry proud so really excited curious thrilled stoked just always trying looking wondering here grateful very "
    "pretty super not still definitely totally honored all getting kinda kind a"
)
# fmt: on
