"""Names that are known by themselves, and the words that tell what a name is, beyond those of the entity tracker."""

from graph.english.words import GIVEN_NAMES as _GIVEN_NAMES
from graph.english.words import PLACES as _PLACES
from graph.english.words import word_set


def phrase_set(text: str) -> frozenset[str]:
    """The phrases of a text that commas part."""
    return frozenset(" ".join(phrase.split()) for phrase in text.split(",") if phrase.strip())


# fmt: off
GIVEN_NAMES = _GIVEN_NAMES | word_set(
    "abdullah abigail adebayo ahmad aiko akira alejandra alessandro alexandre ama amara amelie amina anders anh anil anja "
    "anjali ankit antoine arash aria arjun arturo ayesha aylin babajide bao beatriz berat bilal bogdan boniface camilo carolina "
    "cem chen chiara chidi chinedu chioma dae dalia dariusz deepak deepa dilip dmitry ebru efua ekaterina emeka emre enzo "
    "esra esteban ewa farah farid feng fernanda fabio florian gael gaurav georgi ghada goran gustavo hadi haruki haruto hana "
    "henrique hideo hina huda hung ibrahima ignacio ilya imani imran isha ishaan jaden jai jakub jamila jia jin jing joanna "
    "joaquin jun kai kamal karim kaito katarzyna kavya kenta khadija khalid kiran kofi kwame lakshmi lan layla leila li lin ling "
    "linh liang luciana lukasz magda mahmoud makoto malik manish marek marcin marwan marija mateusz mehmet mei milica min minh "
    "mihai mikhail mina mohammad mirela mthunzi murat musa nadine naledi natsuki neha nikhil nikola nina ngozi noor nour nuno "
    "olena oluwaseun onur osman paulo phuong piotr pooja pradeep pranav quang rahul raj rajesh ramesh rania raul ravi rohan "
    "rui ryo sakura salma samir sandeep sanjay santiago sanjeev saskia satoshi selin sergei sergio shreya siddharth sina sipho "
    "sneha song soren stefan stefano suresh svetlana takashi tariq tatsuya temi thabo thandiwe thi thiago tomasz tomas tuan usman "
    "vijay vikram vinod volodymyr wei wiktor wojciech xavier xin yan yara yasmine yasuko ying yosef yoshi youssef yuan yusuf "
    "zainab zeynep zhang zofia zuzana andrzej agnieszka malgorzata laszlo istvan zoltan katalin ondrej petr jiri vaclav matej "
    "bram daan femke lotte maarten niels sander thijs wouter aino eero juhani mikko pekka sanna timo ville freja mette rasmus "
    "lina nina guido luka jonna malin annika britta ulrike soren signe sigrid solveig torsten ulf aoife ciara niamh oisin padraig saoirse siobhan"
)

PLACES = _PLACES | word_set(
    "albania algeria andorra angola armenia azerbaijan bahamas bahrain barbados belarus belize benin bhutan bolivia bosnia "
    "botswana brunei burundi cambodia cameroon congo cyprus djibouti ecuador eritrea estonia eswatini fiji gabon gambia grenada "
    "guatemala guinea guyana haiti honduras kazakhstan kiribati kosovo kuwait kyrgyzstan laos latvia lesotho liberia libya "
    "liechtenstein lithuania luxembourg madagascar malawi maldives mali malta mauritania mauritius moldova mongolia montenegro "
    "mozambique myanmar namibia nicaragua niger macedonia oman panama paraguay rwanda senegal seychelles somalia sudan suriname "
    "tajikistan tanzania togo tonga tunisia turkmenistan uganda uruguay uzbekistan venezuela yemen zambia zimbabwe taiwan "
    "scandinavia bavaria catalonia tuscany sicily sardinia provence normandy brittany flanders wallonia andalusia crete "
    "antwerp bruges ghent utrecht eindhoven groningen leiden cologne frankfurt stuttgart dusseldorf düsseldorf dresden leipzig bremen "
    "hanover hannover nuremberg nürnberg bonn münchen köln heidelberg freiburg mannheim karlsruhe potsdam basel bern lausanne lucerne "
    "salzburg graz innsbruck linz lyon marseille toulouse nice nantes bordeaux lille strasbourg rennes grenoble montpellier "
    "valencia seville sevilla bilbao malaga granada zaragoza palma braga coimbra faro turin genoa bologna palermo verona pisa siena "
    "bari catania leeds sheffield nottingham leicester newcastle southampton brighton cardiff belfast aberdeen dundee "
    "swansea plymouth exeter norwich coventry galway cork limerick gothenburg malmo malmö uppsala bergen trondheim stavanger "
    "aarhus odense tampere turku espoo gdansk wroclaw wrocław poznan lodz katowice brno ostrava bratislava kosice ljubljana zagreb split "
    "dubrovnik belgrade sarajevo skopje tirana podgorica pristina thessaloniki ankara izmir antalya bursa odessa odesa lviv kharkiv "
    "minsk chisinau tbilisi yerevan baku almaty astana tashkent tehran baghdad damascus beirut amman jerusalem haifa riyadh jeddah "
    "doha muscat karachi lahore islamabad kabul chennai kolkata hyderabad pune bengaluru ahmedabad jaipur dhaka colombo kathmandu "
    "yangon phnom vientiane manila cebu taipei shenzhen guangzhou chengdu hangzhou nanjing wuhan xian tianjin macau busan incheon "
    "nagoya sapporo fukuoka kobe yokohama hiroshima perth adelaide canberra hobart darwin wellington christchurch queenstown "
    "calgary ottawa edmonton winnipeg halifax quebec ontario manitoba saskatchewan baltimore pittsburgh cleveland cincinnati "
    "columbus indianapolis milwaukee minneapolis memphis nashville orlando tampa sacramento oakland berkeley albuquerque tucson "
    "omaha tulsa honolulu anchorage boise utah idaho montana wyoming dakota nebraska kansas iowa missouri arkansas mississippi "
    "indiana delaware vermont maine oklahoma virginia queens harlem guadalajara monterrey cancun havana kingston bogota bogotá medellin "
    "medellín cali quito guayaquil lima cusco santiago valparaiso montevideo asuncion caracas brasilia brasília salvador recife "
    "fortaleza cordoba rosario mendoza johannesburg durban pretoria soweto kampala kigali lusaka harare accra kumasi abuja ibadan "
    "dakar abidjan bamako casablanca marrakesh marrakech rabat fez tunis algiers tripoli alexandria addis mogadishu mombasa zanzibar "
    "maputo luanda windhoek gaborone dar rügen zürich genève mallorca ibiza tenerife sahara siberia himalayas alps andes pyrenees "
    "rockies mediterranean atlantic pacific"
) | phrase_set(
    "new york, new york city, new zealand, new delhi, new orleans, new jersey, new mexico, new hampshire, new south wales, los angeles, "
    "san francisco, san diego, san jose, san antonio, santa monica, santa barbara, santa cruz, santa fe, las vegas, salt lake city, "
    "palo alto, mountain view, menlo park, silicon valley, long island, staten island, north carolina, south carolina, north dakota, "
    "south dakota, west virginia, rhode island, puerto rico, costa rica, el salvador, dominican republic, saudi arabia, sri lanka, "
    "south africa, south korea, north korea, united states, united kingdom, united arab emirates, great britain, northern ireland, "
    "czech republic, ivory coast, sierra leone, burkina faso, cape verde, cape town, hong kong, kuala lumpur, ho chi minh city, "
    "tel aviv, abu dhabi, addis ababa, buenos aires, rio de janeiro, são paulo, sao paulo, mexico city, panama city, quebec city, "
    "papua new guinea, solomon islands, canary islands, faroe islands, lake como, lake district, middle east, latin america, "
    "central america, south america, north america, southeast asia, eastern europe, western europe, the hague, gold coast, black forest, "
    "black sea, red sea, baltic sea, north sea, dead sea, mont blanc, mount fuji, mount everest, hyde park, central park, times square, "
    "st. petersburg, saint petersburg, st. louis, washington dc, washington d.c."
)

ORGANISATIONS = word_set(
    "google microsoft amazon meta facebook netflix ibm oracle sap siemens bosch bmw volkswagen daimler audi porsche toyota honda "
    "nissan hyundai samsung sony panasonic nintendo huawei xiaomi lenovo intel amd nvidia qualcomm cisco dell hp ericsson nokia "
    "vodafone verizon comcast spotify airbnb uber lyft stripe paypal shopify salesforce adobe atlassian dropbox openai anthropic "
    "deepmind alphabet tesla spacex boeing airbus lufthansa ryanair easyjet iberia emirates shell bp exxon chevron nestlé nestle "
    "unilever danone pepsico mcdonald's starbucks ikea walmart aldi lidl tesco carrefour zalando adidas nike puma deloitte kpmg pwc "
    "accenture mckinsey ey bcg capgemini infosys wipro tcs pfizer novartis roche bayer basf astrazeneca moderna merck sanofi "
    "philips abb asml heineken volvo renault peugeot fiat ferrari michelin hsbc barclays santander ubs citigroup jpmorgan "
    "revolut klarna n26 allianz axa dhl fedex ups nasa esa cern nato un eu unesco unicef who imf fbi cia nhs bbc cnn nbc reuters "
    "bloomberg mit eth ucla nyu caltech stanford harvard yale princeton lse epfl twitter linkedin github gitlab reddit pinterest "
    "tiktok wikipedia mozilla cloudflare databricks snowflake palantir zoominfo"
) | phrase_set(
    "general electric, general motors, goldman sachs, morgan stanley, bank of america, wells fargo, deutsche bank, deutsche telekom, "
    "deutsche bahn, credit suisse, world bank, red cross, united nations, european union, european commission, coca-cola, hugging face, "
    "world health organization, eth zurich, imperial college, imperial college london, johns hopkins, greenpeace, amnesty international, "
    "doctors without borders, warner bros, y combinator, real madrid, manchester united, fc barcelona, bayern munich"
)
# What people use: software, services, devices, vehicles, food with a trade mark. A number after a TECHNOLOGY is its
# version; elsewhere it belongs to the name, as in "Pixel 8".
TECHNOLOGIES = word_set(
    "python go java javascript typescript kotlin scala rust golang ruby php perl haskell erlang elixir clojure fortran cobol matlab julia "
    "c++ c# f# dart lua swift django flask fastapi rails laravel spring react angular vue svelte next.js node.js nodejs nuxt express jquery "
    "bootstrap tailwind numpy pandas scipy pytorch tensorflow keras scikit-learn spacy nltk pydantic sqlalchemy celery pytest mypy ruff "
    "uvicorn gunicorn nginx apache caddy haproxy traefik envoy postgresql postgres mysql mariadb sqlite mongodb redis valkey memcached "
    "cassandra dynamodb couchdb neo4j elasticsearch opensearch solr kibana grafana prometheus loki jaeger kafka rabbitmq nats zeromq "
    "docker podman kubernetes k8s helm terraform ansible puppet vagrant nomad consul jenkins circleci git github gitlab bitbucket svn "
    "npm yarn pnpm pip poetry conda homebrew apt webpack vite babel eslint linux ubuntu debian fedora centos rhel archlinux windows macos "
    "ios android vim neovim emacs vscode pycharm intellij eclipse xcode jupyter openssl openssh graphql grpc protobuf websocket "
    "oauth kerberos ldap aws azure gcp heroku vercel netlify lambda s3 ec2 qdrant pinecone weaviate milvus pgvector faiss langchain "
    "llamaindex ollama pgbouncer airflow spark hadoop flink snowflake bigquery redshift clickhouse duckdb dbt tableau looker cpython "
    "pypy webassembly wasm selenium playwright cypress junit maven gradle bazel cmake llvm gcc clang firefox chrome chromium "
    "safari opera brave wordpress drupal shopware magento latex bash zsh powershell tmux curl wget ffmpeg blender unity "
    "supabase firebase sentry datadog splunk opentelemetry zookeeper etcd minio kibana logstash cuda onnx"
) | phrase_set("visual studio code, vs code, visual studio, ruby on rails, spring boot, github actions, gitlab ci, sql server, google cloud, "
               "amazon web services, apache kafka, apache spark, react native, google chrome, internet explorer, microsoft edge")
PRODUCTS = TECHNOLOGIES | word_set(
    "iphone ipad ipod macbook imac airpods homepod kindle alexa siri chatgpt gpt-4 gpt-3 gpt-4o copilot gemini claude playstation xbox "
    "fitbit garmin gopro roomba thinkpad surface pixel galaxy oneplus photoshop illustrator figma canva miro notion obsidian evernote trello "
    "asana jira confluence slack discord zoom skype whatsapp telegram signal wechat instagram snapchat youtube gmail outlook excel "
    "powerpoint dropbox netflix duolingo strava peloton minecraft fortnite tetris zelda pokémon pokemon mastercard visa deezer tidal "
    "spotify nutella snickers prius corolla camry mustang vespa lego nespresso thermomix hololens oculus quickbooks"
) | phrase_set(
    "apple watch, apple tv, apple music, apple pay, google maps, google docs, google drive, google sheets, google calendar, google meet, "
    "microsoft teams, microsoft word, microsoft office, office 365, power bi, raspberry pi, nintendo switch, coca cola, diet coke, tesla model 3, "
    "tesla model s, tesla model y, model 3, amazon prime, disney plus, stack overflow, final fantasy, call of duty, mario kart"
)
# Names of makers: what follows them with a number or letters is one of their products.
MAKERS = word_set("canon nikon leica fujifilm sony samsung apple tesla bmw audi honda yamaha toyota ford volvo pixel galaxy iphone "
                  "ipad kindle playstation xbox thinkpad dell hp lenovo logitech bose dyson gibson fender xiaomi huawei nokia nvidia")
# Every day's words also: they are names only with a capital inside of a sentence.
WORDS_TOO = word_set(
    "airflow outlook meet visa dev surface go apple meta target signal slack zoom teams word excel surface galaxy pixel windows spring express react flask rust ruby swift go "
    "julia dart lambda spark puppet chef helm notion copilot gemini shell gap oracle stripe square uber who un eu ups hp alphabet "
    "visa mustang unity brave opera safari chrome edge eclipse looker loki nomad consul conda poetry yarn curl bash celery apt vite "
    "nice split cork queens reading bath perth lima cali dar phnom salvador jordan georgia chad turkey china santiago florence "
    "victoria alexandria columbus virginia carolina darwin wellington santa emirates intel puma lua snowflake sentry blender solr "
    "eth mit lse roche merck ruff apache bootstrap angular vue svelte chromium fez bari sap ey kingston cleveland orlando memphis "
    "faro brave kindle claude maine tidal caddy envoy lambda bazel maven sofia austin phoenix houston dallas lincoln django zelda nats"
)

ACRONYMS = word_set(
    "pr prs mr cli sdk ide vpn dns tcp udp ip ssh ssl tls jwt orm rest crud ci cd qa sre ml llm nlp faq pto eod eta kpi okr roi dvd lan wan crm erp "
    "saas iot ocr tbd todo fixme adr rfc mvp poc sla nda hr it vat tax pin sim gps nfc led lcd bmi dna adhd iq phd msc bsc mba am pm utc gmt est pst"
)
"""Capitals that name nothing of their own."""
LEGAL_ENDS = word_set("inc ltd llc gmbh ag corp plc as ab oy sa srl bv nv spa kg oyj llp pty")

EVENT_WORDS = word_set(
    "festival conference summit championship championships olympics marathon expo fair cup congress convention symposium hackathon "
    "workshop gala awards ceremony party parade carnival tournament derby regatta biennale con meetup war revolution retreat webinar"
)
EVENTS = word_set(
    "christmas xmas easter halloween thanksgiving ramadan eid hanukkah diwali holi oktoberfest glastonbury coachella wimbledon "
    "olympics pycon djangocon europython fosdem neurips icml iclr ces wwdc kubecon woodstock comic-con nowruz passover"
) | phrase_set(
    "new year, new year's eve, new year's day, new year's, world cup, super bowl, black friday, cyber monday, valentine's day, mother's day, "
    "father's day, burning man, tour de france, world war i, world war ii, cold war, google i/o, web summit, french open, us open, "
    "australian open, independence day, labor day, labour day, memorial day, lunar new year, chinese new year, champions league, mardi gras"
)
ORGANISATION_WORDS = word_set(
    "robotics technologies technology systems solutions software consulting industries bank ventures capital media records pharma "
    "pharmaceuticals energy motors logistics electronics networks analytics therapeutics biotech foods brewery bakery cafe café "
    "restaurant hotel museum library church council embassy parliament senate court police orchestra choir band fc united as ab oy "
    "sa srl bv nv spa kg se oyj llp pty plc authority bureau commission federation league union alliance trust fund institution "
    "collective cooperative team airways railways telecom university college academy institut universität hochschule clinic"
)
ORGANISATION_STARTS = word_set(
    "university bank ministry department institute embassy church museum bureau office faculty school college academy café cafe"
)
PLACE_WORDS = word_set(
    "sea ocean lake park tower bridge palace castle cathedral plaza boulevard alley drive court market strait gulf desert glacier peninsula reef "
    "creek pass ridge garden gardens zoo stadium arena pier quay terminal district province state county region republic kingdom woods valley"
)
PLACE_STARTS = word_set("lake mount mt cape fort port san santa saint rue via calle plaza piazza avenida")
# Parts of German and Dutch street names.
STREET_ENDS = ("straße", "strasse", "str", "platz", "gasse", "allee", "weg", "straat", "gracht")
# fmt: on

KNOWN: dict[str, str] = {
    **dict.fromkeys(PLACES, "place"),
    **dict.fromkeys(PRODUCTS, "product"),
    **dict.fromkeys(ORGANISATIONS - TECHNOLOGIES, "organisation"),
    **dict.fromkeys(EVENTS, "event"),
}
"""The kind of each name that is known, in lower case; the longest have four words."""
MOST_KNOWN_WORDS = 4
