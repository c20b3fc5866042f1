"""Made-up secrets and what stands in their place, in the syntaxes that texts have.

Each form is a text in a JSON string under a key that says nothing. The same forms hold
values that are no secrets, under names that are none, for the false alarms.
"""

import json
import random
import string

from detection.finding import Finding, Likelihood, Message
from detection.scanner import Scanner

ROUNDS = 20
SECRETS = """\
SHOP_API_KEY={}
export SHOP_TOKEN="{}"
ENV SHOP_SECRET {}
set SHOP_ACCESS_KEY={}
shop.api.key={}
shop.client-secret = {}
shop_token: {}
shop_token: "{}"
'shop_secret' => '{}',
"shopApiKey": "{}",
\\"shopApiKey\\": \\"{}\\",
const shopToken = '{}';
let apiKey: string = "{}";
private static final String SHOP_SECRET = "{}";
#define SHOP_KEY "{}"
define('SHOP_KEY', '{}');
api_key := "{}"
if token == "{}" then
ShopClient(api_key="{}")
new ShopClient({{ token: "{}" }})
client.setApiKey("{}")
<apiKey>{}</apiKey>
<add key="ShopApiKey" value="{}" />
<key>ShopApiKey</key><string>{}</string>
<string name="shop_api_key">{}</string>
- name: SHOP_TOKEN\\n  value: {}
variable "shop_token" {{\\n  default = "{}"\\n}}
X-Api-Key: {}
Authorization: Bearer {}
Authorization: Token {}
curl -H 'X-Shop-Token: {}' https://shop.example.com
curl https://shop.example.com/v1?api_key={}&page=2
GET /v1/orders?access_token={} HTTP/1.1
https://ada:{}@shop.example.com/git
shop login --token {}
shop --api-key={} orders
//registry.example.com/:_authToken={}
Cookie: lang=en; sessionid={}; theme=dark
the token is {} for now
my api key: {}, please rotate it
| token | {} |
secret_key_base: {}""".split("\n")
SECRETS = [form.replace("\\n", "\n") for form in SECRETS]
PASSWORDS = """\
DB_PASSWORD={}
spring.datasource.password={}
password: "{}"
'password' => '{}'
<password>{}</password>
<property name="password" value="{}"/>
mysql -u ada -p{} shop
sshpass -p {} ssh ada@host
curl -u ada:{} https://shop.example.com
docker login -u ada --password {} registry.example.com
machine shop.example.com login ada password {}
CREATE USER ada IDENTIFIED BY '{}'
ALTER ROLE ada WITH PASSWORD '{}'
postgres://ada:{}@db/shop
redis://:{}@cache:6379/0
Server=db;Database=shop;User Id=ada;Password={};
host=db port=5432 user=ada password={} dbname=shop
jdbc:mysql://db/shop?user=ada&password={}
jdbc:oracle:thin:ada/{}@db:1521:shop
cache.example.com:6380,password={},ssl=True
--from-literal=password={}
the password is "{}"
requirepass {}
DriverManager.getConnection(url, "ada", "{}")
SetBasicAuth("ada", "{}")
auth=("ada", "{}")""".split("\n")
NO_SECRETS = """\
commit {}
etag: "{}"
sha256={}
request_id={}
cache_key: {}
idempotency-key: {}
object key {}
partition key = {}
author: {}
access log {}
token_type=bearer, request {}
secretName: shop-db-7
public_key = "{}"
next_page_token={}
nonce: {}
checksum is {}
cus_{}
prod_{}
usr-{}
urn:order:{}
shop/app@sha256:{}
sha384-{}
W/"{}"
https://cdn.example.com/shop-{}.js
arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-{}
/orders/{}/items""".split("\n")
STAND_INS = (
    "YOUR_API_KEY your-token-here xxxxxxxxxxxxxxxxxxxx ${SHOP_TOKEN} <token> changeme"
    " {{token}} %SHOP_TOKEN% process.env.SHOP_TOKEN ******** $SHOP_TOKEN REDACTED"
).split()


def report(scanner: Scanner) -> None:
    """Prints the share of secrets found, and of other values taken for one."""
    numbers = random.Random(11)
    groups = {
        "secrets": (SECRETS, [_token(numbers) for _ in range(ROUNDS)]),
        "passwords": (PASSWORDS, [_password(numbers) for _ in range(ROUNDS)]),
        "hashes, ids": (NO_SECRETS, [_token(numbers) for _ in range(ROUNDS)]),
        "stand-ins": (SECRETS + PASSWORDS, list(STAND_INS)),
    }
    for name, (forms, values) in groups.items():
        shares = [_share(scanner, form, values) for form in forms]
        print(f"{name:12} in {len(forms)} forms: {sum(shares) / len(shares):.3f}")


def _share(scanner: Scanner, form: str, values: list[str]) -> float:
    bodies = [json.dumps({"value": form.format(value)}).encode() for value in values]
    results = scanner.scan([Message(body=body) for body in bodies])
    found = sum(map(_is_found, results))
    return found / len(values)


def _is_found(findings: list[Finding]) -> bool:
    kinds = ("credential.", "network.host_credentials")
    return any(
        finding.likelihood >= Likelihood.LIKELY and finding.data_type.startswith(kinds)
        for finding in findings
    )


def _token(numbers: random.Random) -> str:
    """Half in hexadecimal digits, half in letters and digits."""
    alphabet = numbers.choice(["0123456789abcdef", string.ascii_letters + "0123456789"])
    return "".join(numbers.choices(alphabet, k=numbers.randint(20, 48)))


def _password(numbers: random.Random) -> str:
    """A word, a sign and digits, as people make them."""
    word = "".join(numbers.choices(string.ascii_lowercase, k=numbers.randint(4, 9)))
    return word.title() + numbers.choice("!#-_+.") + str(numbers.randint(10, 9999))
