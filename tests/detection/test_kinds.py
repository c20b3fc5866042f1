"""Kinds of bodies that hold, or only seem to hold, a data type: values made up here."""

import base64
import json
import random
from typing import Any

import pytest

from detection.finding import Likelihood, Message
from detection.scanner import Scanner

UUID = "356dbb28-7f98-44d1-8e6d-0cec580f3171"
HELD: list[tuple[Any, str]] = [
    ({"displayName": "Ada Lovelace"}, "personal.name"),
    ({"authors": [{"name": "Hopper, Grace"}]}, "personal.name"),
    ({"conditions": ["chronic bronchitis"]}, "health.diagnosis"),
    ({"fields": [{"key": "passport", "value": {"stringValue": "X1234567"}}]}, ""),
    (
        {"key": "db.password", "value": {"stringValue": "kQ7!vmet"}},
        "credential.password",
    ),
    ({"fieldName": "ssn", "fieldValue": "536904399"}, "identity.us_ssn"),
    ({"newValue": "kQ7!vmet", "property": "password"}, "credential.password"),
    (
        {"op": "replace", "path": "/user/password", "value": "kQ7!vmet"},
        "credential.password",
    ),
    ({"Password": {"_text": "kQ7!vmet"}}, "credential.password"),
    ({"Password": {"@value": "kQ7!vmet"}}, "credential.password"),
    (
        {"SchemeName": "XX.Demo.AccountNumber", "Identification": "90210044"},
        "financial.bank_account",
    ),
    (
        {"Balance": [{"Amount": {"Amount": "81.20", "Currency": "EUR"}}]},
        "financial.account_balance",
    ),
    ({"salary": {"amount": 61000, "currency": "EUR"}}, "personal.income"),
    (
        {"headers": {"Cookie": "lang=de; sid=Zk3vQ9w8Xr2Lt7Yp"}},
        "credential.session_cookie",
    ),
    ({"line": "paid card=5555555555554444 ok"}, "financial.payment_card"),
    ({"href": "https://pay.example/cards/4012888888881881"}, "financial.payment_card"),
    ({"cardNumber": "5555\u00a05555\u00a05555\u00a04444"}, "financial.payment_card"),
    ({"note": "SSN: 536\u201390\u20134399"}, "identity.us_ssn"),
    ({"note": "SSN: 536-90-\n4399"}, "identity.us_ssn"),
    ({"note": "staff_536-90-4399"}, "identity.us_ssn"),
    ({"next": "https://x.example/a?mail=ada%40navy.example"}, "contact.email"),
    ({"email": "ada\uff20navy.example"}, "contact.email"),
    ({"dateOfBirth": 164505600}, "personal.birth_date"),
    ({"dateOfBirth": [1975, 3, 19]}, "personal.birth_date"),
    ({"dob": {"day": 19, "month": 3, "year": 1975}}, "personal.birth_date"),
    ({"วันเกิด": "19/03/2518"}, "personal.birth_date"),
    ({"नाम": "सीता देवी"}, "personal.name"),
    ({"ชื่อ": "มานี"}, "personal.first_name"),
    ({"allergies": ["pollen"]}, "health.diagnosis"),
    (
        {"columns": ["id", "ssn"], "rows": [[1, "536904399"], [2, "536904398"]]},
        "identity.us_ssn",
    ),
    (
        {"rows": [[1, "536904399"], [2, "536904398"]], "columns": ["id", "ssn"]},
        "identity.us_ssn",
    ),
    (
        {
            "a": {"rows": [[1, "x"]], "columns": ["id", "ssn"]},
            "b": {"data": [[1, "kQ7!vmet"]], "meta": {"fields": ["id", "password"]}},
        },
        "credential.password",
    ),
    (
        {"fields": [{"name": "id"}, {"name": "password"}], "values": [[5, "kQ7!vmet"]]},
        "credential.password",
    ),
    (
        {"header": ["name", "email"], "data": [["Ada Lovelace", "ada@navy.example"]]},
        "personal.name",
    ),
    (
        {
            "schema": {"fields": [{"name": "x"}, {"name": "password"}]},
            "rows": [{"f": [{"v": "1"}, {"v": "kQ7!vmet"}]}],
        },
        "credential.password",
    ),
    (
        {"results": [{"columns": ["p.dob"], "data": [{"row": ["1975-03-19"]}]}]},
        "personal.birth_date",
    ),
    ({"displayName": "Ada Lovelace", "givenName": "Ada"}, "personal.name"),
    ({"assignee": {"displayName": "Ada Lovelace"}}, "personal.name"),
    (
        {"measurement_concept_id": 3004249, "value_as_number": 128},
        "health.lab_result",
    ),
    ({"condition_concept_id": 201826}, "health.procedure_code"),
    ({"race_source_value": "white"}, "special.ethnicity"),
    (
        {"ward/list:0/problem_diagnosis:1/problem_diagnosis_name|value": "Asthma"},
        "health.diagnosis",
    ),
    (
        {"ward/vital_signs:0/any_event:0/blood_pressure:2/systolic|magnitude": 128},
        "health.lab_result",
    ),
    ({"note": "foreigner registration 850412-5123456"}, "identity.kr_rrn"),
    ({"note": "la patente di guida AB1234567C scade"}, "identity.driving_licence"),
    ({"note": "with Medicare 2FH5UF6NK84 since"}, "health.us_mbi"),
    ({"note": "billing provider 1245319599 (NPI)"}, "health.us_npi"),
    ({"cookies": {"sid": UUID}}, "credential.session_cookie"),
    ({"headers": {"Cookie": f"sid={UUID}"}}, "credential.session_cookie"),
    ({"message": "MSH|^~\\&|LAB|H|EHR|C|2026||ORU^R01"}, "health.hl7_message"),
    ({"key": "password", "value": ["kQ7!vmet"]}, "credential.password"),
    ({"key": "ssn", "value": {"values": ["536904399"]}}, "identity.us_ssn"),
    ({"field": "password", "from": "", "to": "kQ7!vmet"}, "credential.password"),
    (
        {"paramKey": "passport", "paramText": "x", "paramValue": "X1234567"},
        "identity.passport",
    ),
    (
        {"question": {"text": "passport"}, "answer": {"text": "X1234567"}},
        "identity.passport",
    ),
    (["passport number", "X1234567"], "identity.passport"),
    ([["id", "passport"], ["1", "X1234567"], ["2", "X1234568"]], "identity.passport"),
    ({"meta": [{"name": "id"}, {"name": "dob"}], "data": [["1", "1975-03-19"]]}, ""),
    (
        {"Tables": [{"Columns": [{"ColumnName": "passport"}], "Rows": [["X1234567"]]}]},
        "",
    ),
    (
        {
            "op": "add",
            "path": "urn:ietf:params:scim:User:dateOfBirth",
            "value": "1975-03-19",
        },
        "personal.birth_date",
    ),
    (
        {"op": "add", "path": 'phone[type eq "work"].value', "value": "020 7946 0123"},
        "contact.phone",
    ),
    ({"name": "passport", "elements": [{"type": "text", "text": "X1234567"}]}, ""),
    (
        {"name": {"value": "Systolic"}, "value": {"_type": "Q", "magnitude": 128}},
        "health.lab_result",
    ),
    (
        {"code": {"coding": [{"code": "254837009"}]}, "resourceType": "Condition"},
        "health.procedure_code",
    ),
    (
        {
            "resourceType": "Patient",
            "extension": [
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/patient-religion",
                    "valueCodeableConcept": {"coding": [{"display": "Buddhist"}]},
                }
            ],
        },
        "special.religion",
    ),
    (
        {"resourceType": "Patient", "name": [{"text": "Ada Lovelace"}]},
        "personal.name",
    ),
    ({"resourceType": "CarePlan", "text": {"div": "<div>weigh daily</div>"}}, ""),
    ({"segment": "PID|1||12^^^MR||HOPPER^GRACE||1906|F"}, "health.hl7_message"),
    ({"note": "passport number of the customer is X1234567."}, "identity.passport"),
    ({"note": "Key (passport)=(X1234567) already exists."}, "identity.passport"),
    ({"note": "X1234567 (passport no)"}, "identity.passport"),
    ({"path": "/v1/cards/4012888888881881/limits"}, "financial.payment_card"),
    ({"query": "card%3D4012888888881881"}, "financial.payment_card"),
    ({"url": "https://x.example/u?e=%2B442079460958"}, "contact.phone"),
    ({"note": "Dear Dr. Lovelace, thank you"}, "personal.name"),
    ({"note": "Уважаемый Иван Петров!"}, "personal.name"),
    ({"note": "尊敬的李小龙先生"}, "personal.name"),
    ({"note": "cardholder Ada Lovelace declined"}, "personal.name"),
    ({"ФИО": "Петров Иван"}, "personal.name"),
    ({"Дата рождения": "19.03.1975"}, "personal.birth_date"),
    ({"dob": {"$date": {"$numberLong": "164505600000"}}}, "personal.birth_date"),
    ({"iban": "de89370400440532013000"}, "financial.iban"),
    (
        {"type": {"coding": [{"display": "Passport"}]}, "value": "X1234567"},
        "identity.passport",
    ),
    ({"field": {"ref": "passport"}, "text": "X1234567"}, "identity.passport"),
    ({"Key": {"Text": "Passport No."}, "Value": {"Text": "X1234567"}}, ""),
    ({"idType": "passport", "idNumber": "X1234567"}, "identity.passport"),
    ({"where": [["passport", "=", "X1234567"]]}, "identity.passport"),
    ({"passport": {"$eq": "X1234567"}}, "identity.passport"),
    ({"passport": {"old": "X1234567", "new": "X7654321"}}, "identity.passport"),
    ({"header": ["id", "passport"], "body": [["1", "X1234567"]]}, ""),
    ({"meta": [{"colName": "passport"}], "rows": [["X1234567"]]}, ""),
    ({"user.passport.keyword": "X1234567"}, "identity.passport"),
    ({"attr": "passport", "val": "X1234567"}, "identity.passport"),
    ({"q": "Passport number", "response": "X1234567"}, "identity.passport"),
    ({"note": "user_passport=X1234567"}, "identity.passport"),
    ({"guarantorName": "Ada Lovelace"}, "personal.name"),
    ({"имя_клиента": "Иван Петров"}, "personal.name"),
    ({"bday": "1975-03-19"}, "personal.birth_date"),
    ({"apellido1": "Pérez"}, "personal.last_name"),
    ({"customerSSN": "536904399"}, "identity.us_ssn"),
    ({"birth": {"date": "1975-03-19"}}, "personal.birth_date"),
    ({"birthDate": {"_seconds": 164505600}}, "personal.birth_date"),
    ({"dob": "19 de marzo de 1975"}, "personal.birth_date"),
    ({"datum_rodjenja": "19.03.1975"}, "personal.birth_date"),
    ({"foedselsdato": "19.03.1975"}, "personal.birth_date"),
    ({"ονοματεπωνυμο": "Γιώργος Παππάς"}, "personal.name"),
    ({"ho_va_ten": "Nguyễn Văn An"}, "personal.name"),
    ({"اسم_المريض": "محمد علي"}, "personal.name"),
    ({"fullNm": "Ada Lovelace"}, "personal.name"),
    ({"customerFullName": "Ada Lovelace"}, "personal.name"),
    ({"grossPay": 5200}, "personal.income"),
    ({"salary": {"gross": 4000, "net": 2600}}, "personal.income"),
    ({"konto": "de89370400440532013000"}, "financial.iban"),
    ({"note": "iban de89370400440532013000"}, "financial.iban"),
    ({"seg": "DG1|1||J45.909^Asthma^I10|||A"}, "health.hl7_message"),
    ({"note": "Tel.: 030 23125678"}, "contact.phone"),
    ({"note": "Rufen Sie mich unter 030 23125678 an."}, "contact.phone"),
    ({"note": "Mon numéro de téléphone est le 01 42 68 53 00."}, "contact.phone"),
    ({"note": "Ligue para (11) 3123-4567."}, "contact.phone"),
    ({"note": "You can reach me at 020 7946 0958."}, "contact.phone"),
    ({"note": "Il mio passaporto è X1234567."}, "identity.passport"),
    ({"note": "paszport nr X1234567"}, "identity.passport"),
    ({"note": "burgerservicenummer 111222333"}, "identity.nl_bsn"),
    ({"note": "numéro de sécurité sociale : 1 84 12 76 451 089 46"}, "identity.fr_nir"),
    ({"note": "Der Patient Hans Müller klagt"}, "personal.name"),
    ({"note": "la paciente María López"}, "personal.name"),
    ({"note": "titulaire de la carte : Jean Dupont"}, "personal.name"),
    ({"note": "Пациент Иван Петров"}, "personal.name"),
    ({"note": "customer Mira Kovac called"}, "personal.name"),
    ({"note": "מר דוד לוי"}, "personal.name"),
    ({"note": "श्री राम शर्मा"}, "personal.name"),
    ({"note": "เรียน คุณสมชาย ใจดี"}, "personal.name"),
    (
        {"log": "start with shopApiSecret=mdkqwu1_zxqpalskdjfhgqpw"},
        "credential.api_key",
    ),
    ({"system": "http://snomed.info/sct", "code": "44054006"}, "health.procedure_code"),
    ({"@code": "I10", "@codeSystem": "2.16.840.1.113883.6.90"}, "health.icd10_code"),
    ({"problems": [{"name": "Gastritis"}]}, "health.diagnosis"),
    ({"medications": [{"name": "Ibuprofen"}]}, "health.medication"),
    ({"resourceType": "DiagnosticReport", "conclusion": "Anaemia"}, "health.diagnosis"),
    ({"resourceType": "Practitioner", "name": [{"text": "Ada King"}]}, "personal.name"),
    ({"question": "What is your birth date?", "answer": "3 May 1971"}, ""),
    ({"text": "Passport number *", "value": "X1234567"}, "identity.passport"),
    ({"rawHeaders": ["Host", "a.example", "X-Api-Key", "kQ7vmetX29pLzR4w"]}, ""),
    ({"customer": {"personalInfo": {"name": "Ada Lovelace"}}}, "personal.name"),
    ({"DebtorAccount": {"Name": "Grace Hopper"}}, "personal.name"),
    ({"author": "Grace Hopper"}, "personal.name"),
    ({"balances": [{"available": 81.2}]}, "financial.account_balance"),
    ({"gehalt": {"betrag": 4100}}, "personal.income"),
    ({"salario_bruto": 31000}, "personal.income"),
    ({"生年月日": "平成2年4月1日"}, "personal.birth_date"),
    ({"birthDate": "1971-05"}, "personal.birth_date"),
    ({"dob": -172800000}, "personal.birth_date"),
    ({"birthday": {"date": "1971-05-03"}}, "personal.birth_date"),
    ({"numero_patente": "RM1234567X"}, "identity.driving_licence"),
    ({"note": "Mein Handy: 0151 23456789"}, "contact.phone"),
    ({"note": "電話は03-5253-1111です"}, "contact.phone"),
    ({"note": "the door's password was Maple-7-Leaf once"}, "credential.password"),
]
REFERRED = [
    ("Patient/7", "personal.name", "Ada Lovelace"),
    ("https://ehr.example/fhir/Practitioner/9", "personal.name", "Grace Hopper"),
    ("Condition/c3", "health.diagnosis", "Chronic gastritis"),
    ("Medication/m1", "health.medication", "Ibuprofen 400 mg"),
    ("Organization/o2", "", "Saint Anna Hospital"),
    ("#contained", "", "Ada Lovelace"),
]
"""What is referred to, what its words are, and words."""
CODED = [
    ("Condition", "code", "C50.9", "health.icd10_code"),
    ("Condition", "code", "254837009", "health.diagnosis"),
    ("MedicationStatement", "medicationCodeableConcept", "860975", "health.medication"),
    ("Immunization", "vaccineCode", "207", "health.medication"),
    ("Procedure", "code", "80146002", "health.procedure"),
    ("Observation", "code", "2339-0", "health.procedure_code"),
]
"""Types of resources, where their code stands, one, and what it is."""
REMARKED = [
    "Patient has long covid",
    "tooth was missing since birth",
    "must be monitored for seizures",
]
"""Illnesses in words that remarks have too."""
NOT_HELD: list[tuple[Any, str]] = [
    ({"displayName": "Charlotte Office"}, "personal.name"),
    ({"sender": {"name": "Billing Team"}}, "personal.name"),
    ({"conditions": ["DiskPressure", "age > 18"]}, "health.diagnosis"),
    (
        {"errors": {"password": ["must be at least 12 characters"]}},
        "credential.password",
    ),
    ({"password": "This value is required."}, "credential.password"),
    ({"Password": "Passwort ändern"}, "credential.password"),
    ({"password": "auth.password.label"}, "credential.password"),
    ({"password": "password:reset"}, "credential.password"),
    ({"password": "PASSWORD_RESET"}, "credential.password"),
    ({"password": "/etc/secrets/db"}, "credential.password"),
    ({"Secret": "Geheimnisse"}, "credential.secret"),
    ({"password": "Passwords do not match"}, "credential.password"),
    ({"password": "パスワードを入力してください"}, "credential.password"),
    ({"password": "Şifreniz en az 8 karakter olmal\u0131"}, "credential.password"),
    ({"password": "รหัสผ่าน"}, "credential.password"),
    ({"password": "os.getenv('PW')"}, "credential.password"),
    ({"password": "config.password"}, "credential.password"),
    ({"password": "scram-sha-256"}, "credential.password"),
    ({"password": "required|min:8"}, "credential.password"),
    ({"password": "https://x.example/reset-password"}, "credential.password"),
    ({"password": "passwordInput"}, "credential.password"),
    ({"clientSecret": "client_secret_basic"}, "credential.secret"),
    ({"secret": "The password field is required."}, "credential.secret"),
    ({"routing_key": "orders.paid.v7"}, "credential.api_key"),
    ([["password", "Password"], ["username", "User name"]], "credential.password"),
    ({"required": ["password", "username"]}, "credential.password"),
    ({"salary": {"from": "1st", "to": "2nd"}}, "personal.income"),
    ({"note": "Dear Customer, thank you"}, "personal.name"),
    ({"note": "Patient Safety Indicators"}, "personal.name"),
    ({"password": "is required"}, "credential.password"),
    ({"password": "changed 3 days ago"}, "credential.password"),
    ({"password": "form-control"}, "credential.password"),
    ({"clientSecret": "(known after apply)"}, "credential.secret"),
    ({"clientSecret": "too short (minimum is 8 characters)"}, "credential.secret"),
    ({"password": "Mindestens 8 Zeichen"}, "credential.password"),
    ({"password": "input[type=password]"}, "credential.password"),
    ({"password": "users.read"}, "credential.password"),
    ({"password": "same as username"}, "credential.password"),
    ({"secret": "kubernetes.io/tls"}, "credential.secret"),
    ({"api_key": "keyvault-ref"}, "credential.api_key"),
    ({"session_id": "01HQ3ZK8J5X7Y9W2V4T6R8P0NM"}, "credential.session_cookie"),
    ({"rtc_session": "k3Jd9sLq2mXv7Pz0"}, "credential.session_cookie"),
    ({"errors": {"diagnosis": ["is too long"]}}, "health.diagnosis"),
    ({"errors": {"city": "This field is required"}}, "contact.city"),
    (
        {"password": "Passwort", "city": "Stadt", "religion": "Glaube"},
        "special.religion",
    ),
    ({"cards": [{"name": "Forest Giant", "number": "161"}]}, "financial.card_holder"),
    ({"text": "Upgrade to 5.15.0.91 now"}, "network.ip_address"),
    ({"note": "customer Acme Corp called"}, "personal.name"),
    ({"note": "患者:已出院"}, "personal.name"),
    ({"balanceType": "balance", "value": 1000000}, "financial.account_balance"),
    ({"remote": "git+ssh://git@code.example/a/b.git"}, "contact.email"),
    ({"dsn": "https://abc123@o1.ingest.example/5"}, "contact.email"),
    ({"mask": "255.255.255.0"}, "network.ip_address"),
    ({"card": {"name": "Ace of Spades"}}, "financial.card_holder"),
    ({"origin": "build@code.example.org:team/app.git"}, "contact.email"),
    ({"sdks": ["4.2.0.1"], "runtime": "8.0.0.3"}, "network.ip_address"),
    ({"text": "Demo.Json, Version=12.0.0.0"}, "network.ip_address"),
    ({"bind": "0.0.0.0"}, "network.ip_address"),
    ({"checkout_session": "cs_9Zk3vQ9w8Xr2Lt7Yp"}, "credential.session_cookie"),
    ({"cardNumber": "0000 0000 0000 0000"}, "financial.card_masked"),
    ({"session_id": UUID}, "credential.session_cookie"),
    ({"env": {"POSTGRES_PASSWORD": "{pg-password.value}"}}, "credential.password"),
    ({"auth": {"password": "$REGISTRY_PASSWORD"}}, "credential.password"),
    ({"password": {"get_secret": "agent_key_private"}}, "credential.secret"),
    ({"secrets": ["environment/production/secrets.yaml"]}, "credential.secret"),
    ({"dependencies": {"@demo/password": "^5.0.12"}}, "credential.password"),
    ({"packages": {"demo-tokens": ["demo-tokens@4.0.0"]}}, "credential.access_token"),
    ({"apiKey": "SHARED_CI_ACCESS_TOKEN"}, "credential.api_key"),
    ({"access_token": "my-access-token"}, "credential.access_token"),
    ({"disease": 1205}, "health.diagnosis"),
    (
        {"fields": ["name", "password"], "errors": [["x", "kQ7!vmet"]]},
        "credential.password",
    ),
    ({"displayName": "Sales Team", "groupTypes": []}, "personal.name"),
    ({"note": "part AB1234567C"}, "identity.driving_licence"),
    ({"part": "2FH5UF6NK84"}, "health.us_mbi"),
    ({"cards": [{"name": "overview"}]}, "financial.card_holder"),
    ({"user": {"team": {"name": "Platform Core"}}}, "personal.name"),
    ({"customer": {"orders": [{"name": "Blue Widget"}]}}, "personal.name"),
    ({"key": "app.version", "value": {"stringValue": "4.1.0.3"}}, "network.ip_address"),
    ({"note": "Upgraded libfoo from 1.4.2.9 to 1.5.0.1"}, "network.ip_address"),
    ({"permissions": {"password": "editor"}}, "credential.password"),
    ({"errors": {"password": ["was pwned"]}}, "credential.password"),
    ({"password": "@Vendor.Vault(Name=kv;Secret=db)"}, "credential.password"),
    ({"note": "password is base64 encoded"}, "credential.password"),
    ({"nazwisko": "To pole jest wymagane"}, "personal.last_name"),
    ({"姓名": "请输入姓名"}, "personal.name"),
    ({"receiver_name": "ops-alerts"}, "personal.name"),
    ({"first": "page", "last": "page"}, "personal.first_name"),
    ({"city": "all"}, "contact.city"),
    ({"field": "passport", "code": "too_short1"}, "identity.passport"),
    ({"url": "https://x.example/?order_id=4012888888881881"}, "financial.payment_card"),
]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner.load()


def likely(scanner: Scanner, body: Any) -> set[str]:
    message = Message(body=json.dumps(body, ensure_ascii=False).encode())
    (findings,) = scanner.scan([message])
    return {f.data_type for f in findings if f.likelihood >= Likelihood.LIKELY}


@pytest.mark.parametrize(("body", "data_type"), HELD, ids=lambda part: str(part)[:40])
def test_what_is_held_is_found(scanner: Scanner, body: Any, data_type: str) -> None:
    found = likely(scanner, body)
    assert data_type in found if data_type else found


@pytest.mark.parametrize(
    ("body", "data_type"), NOT_HELD, ids=lambda part: str(part)[:40]
)
def test_what_only_seems_so_is_not(scanner: Scanner, body: Any, data_type: str) -> None:
    assert data_type not in likely(scanner, body)


@pytest.mark.parametrize("text", REMARKED)
def test_an_illness_is_no_remark(scanner: Scanner, text: str) -> None:
    assert "health.diagnosis" in likely(scanner, {"diagnosis": text})


@pytest.mark.parametrize(("resource", "member", "code", "data_type"), CODED)
def test_a_resource_speaks_by_its_type(
    scanner: Scanner, resource: str, member: str, code: str, data_type: str
) -> None:
    concept = {"coding": [{"system": "urn:x", "code": code, "display": "Some words"}]}
    body = {"resourceType": resource, member: concept}
    assert data_type in likely(scanner, body)
    assert data_type in likely(scanner, {"entry": [{"resource": body}]})
    assert not likely(scanner, {member: concept})


@pytest.mark.parametrize(("reference", "data_type", "words"), REFERRED)
def test_what_is_referred_to_is_named_by_its_type(
    scanner: Scanner, reference: str, data_type: str, words: str
) -> None:
    named = {"reference": reference, "display": words}
    for member in (named, dict(reversed(named.items()))):
        found = likely(scanner, {"resourceType": "CarePlan", "about": [member]})
        assert found == ({data_type} if data_type else set())


@pytest.mark.parametrize("member", ["category", "severity", "clinicalStatus"])
def test_how_a_resource_is_kept_is_not_what_it_is_about(
    scanner: Scanner, member: str
) -> None:
    concept = {"coding": [{"display": "Some words"}], "text": "Some words"}
    assert not likely(scanner, {"resourceType": "Condition", member: [concept]})


@pytest.mark.parametrize("name", ["sid", "JSESSIONID", "user_session", "session-id"])
def test_a_session_cookie_may_be_a_uuid(scanner: Scanner, name: str) -> None:
    pair = f"theme=dark; {name}={UUID}".encode()
    (findings,) = scanner.scan([Message(headers=[(b"Cookie", pair)])])
    (finding,) = [f for f in findings if f.likelihood >= Likelihood.LIKELY]
    assert finding.data_type == "credential.session_cookie"
    assert finding.path == f"cookie:{name}"
    assert not scanner.scan([Message(headers=[(b"Cookie", f"seen={UUID}".encode())])])[
        0
    ]


def test_a_long_text_without_signs_is_no_file(scanner: Scanner) -> None:
    text = "we came home late and talked about the card " * 7
    body = {"note": text + "5555555555554444 and slept"}
    assert "financial.payment_card" in likely(scanner, body)


def test_what_begins_a_file_counts(scanner: Scanner) -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA" * 30
    lines = base64.encodebytes(key.encode()).decode()
    for text in (lines, lines.replace("\n", "")):
        assert "credential.private_key" in likely(scanner, {"content": text})


def test_chance_makes_no_secret_of_a_file(scanner: Scanner) -> None:
    chance = random.Random(26)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    for signs in ("+/", "-_"):
        for _ in range(40):
            text = "".join(chance.choices(letters + signs, k=100_000))
            secrets = likely(scanner, {"content": text})
            assert not {name for name in secrets if name.startswith("credential.")}
