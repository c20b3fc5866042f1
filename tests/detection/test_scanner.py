"""Messages in, findings out: the built-in catalog on whole messages."""

import base64
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.finding import Finding, Likelihood, Location, Message, Sensitivity
from detection.scanner import ALONE_BYTES, BATCH_BYTES, Scanner
from detection.walker import FIELD_LIMIT

CARD = "4111111111111111"


def found(scanner: Scanner, body: object) -> dict[str, str]:
    """Types of likely findings in a JSON body, by path."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    (findings,) = scanner.scan([Message(body=data)])
    return {f.path: f.data_type for f in findings if f.likelihood >= Likelihood.LIKELY}


def test_types_are_found_at_their_paths(scanner: Scanner) -> None:
    user = {
        "id": 17,
        "firstName": "Ada",
        "emails": ["ada@example.com"],
        "card": {"number": int(CARD), "cvc": "123", "expiry": "12/27"},
        "birthDate": "1815-12-10".replace("1815", "1915"),
    }
    assert found(scanner, {"users": [user]}) == {
        "$.users[*].firstName": "personal.first_name",
        "$.users[*].emails[*]": "contact.email",
        "$.users[*].card.number": "financial.payment_card",
        "$.users[*].card.cvc": "financial.card_cvv",
        "$.users[*].card.expiry": "financial.card_expiry",
        "$.users[*].birthDate": "personal.birth_date",
    }


@pytest.mark.parametrize(
    "key",
    ["orderNumber", "order_id", "reference", "trackingNumber", "id", "invoice_no"],
)
@pytest.mark.parametrize("value", [CARD, int(CARD), "4111111111111112"])
def test_order_numbers_are_no_cards(
    scanner: Scanner, key: str, value: str | int
) -> None:
    (findings,) = scanner.scan([Message(body=json.dumps({key: value}).encode())])
    assert all(f.sensitivity is not Sensitivity.HIGH for f in findings)


@pytest.mark.parametrize(
    "value",
    [
        1700000000123,
        "1700000000",
        "123e4567-e89b-12d3-a456-426614174000",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "2024-05-01T10:00:00Z",
        "v1.2.3.4-rc1",
        "800x600",
    ],
)
def test_everyday_values_are_nothing(scanner: Scanner, value: str | int) -> None:
    assert scanner.scan([Message(body=json.dumps({"value": value}).encode())]) == [[]]


def test_escapes_are_decoded(scanner: Scanner) -> None:
    assert found(scanner, rb'{"a": "ada\u0040example.com"}') == {"$.a": "contact.email"}
    assert found(scanner, {"a": "ada@übung.example"}) == {"$.a": "contact.email"}


@pytest.mark.parametrize("sign", ["=", r"\u003d", ": ", r"\u003a\""])
def test_an_assignment_in_a_text_needs_no_telling_key(
    scanner: Scanner, sign: str
) -> None:
    body = f'{{"a": "apikey{sign}cd2b1d12d01ae2de7fecfebafcc3c317"}}'.encode()
    assert found(scanner, body) == {"$.a": "credential.api_key"}
    assert found(scanner, rb'{"a": "\u0041 \ud800 ada@example.com"}')
    assert found(scanner, rb'{"a": "\q ada@example.com"}') == {"$.a": "contact.email"}


@pytest.mark.parametrize("before", ["\n", "\t", "\r\n", " "])
def test_words_begin_after_escaped_line_breaks(scanner: Scanner, before: str) -> None:
    texts = {"card": CARD, "iban": "GB82WEST12345698765432"}
    for value in texts.values():
        assert found(scanner, {"a": f"see{before}{value}"})


@pytest.mark.parametrize("key", ["prénom", "prenom", r"pr\u00e9nom", "PRENOM"])
def test_accents_in_keys_do_not_matter(scanner: Scanner, key: str) -> None:
    body = f'{{"{key}": "Ada"}}'.encode()
    assert list(found(scanner, body).values()) == ["personal.first_name"]


@pytest.mark.parametrize(
    ("text", "data_type"),
    [
        ("The passport number is A12803456 today", "identity.passport"),
        ("tax id: 530121/999, thanks", "financial.tax_id"),
        ("her phone is 020 7946 0123 now", "contact.phone"),
        ("SSN 536-90-4399 was used", "identity.us_ssn"),
    ],
)
def test_words_right_before_tell_the_type(
    scanner: Scanner, text: str, data_type: str
) -> None:
    assert found(scanner, {"note": text}) == {"$.note": data_type}


@pytest.mark.parametrize(
    "text",
    [
        "the passport office has 12803456 visitors",
        "call the number of 12 Baker Street",
        "the phone rang 12 times",
        "vat was paid for 12345678901",
    ],
)
def test_words_further_away_tell_nothing(scanner: Scanner, text: str) -> None:
    assert found(scanner, {"note": text}) == {}


def test_words_near_a_proven_number_support_it(scanner: Scanner) -> None:
    text = "the npi of our new doctor: 1245319599"
    (row,) = scanner.explain(Message(body=json.dumps({"note": text}).encode()))[:1]
    assert row.context == ("words",)


def test_keys_above_and_beside_support_a_proven_number(scanner: Scanner) -> None:
    body = {"creditCards": [{"x": CARD, "cvc": "123"}]}
    (row,) = scanner.explain(Message(body=json.dumps(body).encode()))[1:]
    assert row.context == ("above", "beside")


def test_a_told_text_may_hold_the_number(scanner: Scanner) -> None:
    text = "A12803456 is what it says"
    assert found(scanner, {"passport": text}) == {"$.passport": "identity.passport"}


def test_the_longest_phrase_of_a_key_speaks(scanner: Scanner) -> None:
    assert found(scanner, {"email_address": "12 Baker Street, London"}) == {}
    assert found(scanner, {"tr_national_id": "76543210780"}) == {}
    assert found(scanner, {"tr_national_id": "76543210794"}) != {}


def test_escapes_that_hide_nothing_are_nothing(scanner: Scanner) -> None:
    assert found(scanner, rb'{"a": "\u0041bc"}') == {}


def test_json_in_strings_is_read(scanner: Scanner) -> None:
    inner = json.dumps({"card_number": CARD})
    assert found(scanner, {"payload": inner}) == {
        "$.payload.card_number": "financial.payment_card"
    }
    encoded = base64.b64encode(inner.encode() + b" " * 9).decode()
    assert found(scanner, {"payload": encoded}) == {
        "$.payload.card_number": "financial.payment_card"
    }


def test_json_in_json_is_read_to_a_depth(scanner: Scanner) -> None:
    text = json.dumps({"email": "ada@example.com"})
    for _ in range(8):
        text = json.dumps({"a": text})
    assert len(found(scanner, text.encode())) <= 1


def test_base64_that_is_no_json_is_left(scanner: Scanner) -> None:
    assert found(scanner, {"data": "eyJ" + "\u00e9" * 20}) == {}
    assert found(scanner, {"data": "eyJhbGciOiJIUzI1NiJ9AAAAAAAA"}) == {}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-le"])
def test_other_encodings_are_read(scanner: Scanner, encoding: str) -> None:
    body = '{"email": "ada@example.com"}'.encode(encoding)
    assert found(scanner, body) == {"$.email": "contact.email"}


def test_lines_scalars_and_broken_bodies_give_what_they_have(scanner: Scanner) -> None:
    lines = b'{"email": "ada@example.com"}\n{"email": "bob@example.com"}\n'
    (findings,) = scanner.scan([Message(body=lines)])
    assert [(f.path, f.count) for f in findings] == [("$.email", 2)]
    assert found(scanner, b'"ada@example.com"') == {"$": "contact.email"}
    assert found(scanner, b'{"a": {"email": "ada@example.com", \xff') == {
        "$.a.email": "contact.email"
    }


def test_value_cut_by_truncation_loses_a_step(scanner: Scanner) -> None:
    body = b'{"value": "' + CARD.encode()
    (whole,), (cut,) = scanner.scan(
        [Message(body=body), Message(body=body, truncated=True)]
    )
    assert cut.likelihood == whole.likelihood - 1


def test_data_like_keys_are_findings_and_never_shown(scanner: Scanner) -> None:
    body = {"users": {"ada@example.com": {"email": "ada@example.com"}}}
    assert found(scanner, body) == {
        "$.users.{contact.email}": "contact.email",
        "$.users.{contact.email}.email": "contact.email",
    }


def test_all_parts_of_a_message_are_read(scanner: Scanner) -> None:
    message = Message(
        target=b"/users/ada%40example.com?token=f3Kd92mQpZx81LsVt0b",
        headers=[
            (b"Authorization", b"Bearer mF_9.B5f-4.1JqM0kLz"),
            (b"Cookie", b"sessionid=38afes7a8f3k2lq9"),
        ],
        content_type="application/x-www-form-urlencoded",
        body=b"password=hunter22",
    )
    (findings,) = scanner.scan([message])
    assert [(f.data_type, f.location, f.path) for f in findings] == [
        ("contact.email", Location.PATH, "2"),
        ("credential.access_token", Location.QUERY, "token"),
        ("credential.bearer_token", Location.HEADER, "authorization"),
        ("credential.password", Location.BODY, "$.password"),
        ("credential.session_cookie", Location.HEADER, "cookie:sessionid"),
    ]


def test_data_in_header_names_is_not_judged(scanner: Scanner) -> None:
    assert scanner.scan([Message(headers=[(b"ada@example.com", b"1")])]) == [[]]


def test_words_before_a_number_support_it(scanner: Scanner) -> None:
    text = "the patient with NHS number 943 476 5919 came"
    assert found(scanner, {"text": text}) == {"$.text": "health.nhs_number"}
    assert found(scanner, {"text": "NHS staff saw 12 people"}) == {}


def test_telling_key_finds_the_number_in_a_text(scanner: Scanner) -> None:
    assert found(scanner, {"cpf": "my number is 390.533.447-05"}) == {
        "$.cpf": "identity.br_cpf"
    }
    assert found(scanner, {"cpf": "my number is 390.533.447-06"}) == {}


def test_findings_do_not_depend_on_the_batch(scanner: Scanner) -> None:
    bodies = [
        json.dumps({"n": n, "email": f"u{n}@example.com", "note": "x" * (n % 50)})
        for n in range(300)
    ]
    bodies.append(json.dumps({"a": "y" * (ALONE_BYTES + 1), "iban": "x"}))
    bodies.append(json.dumps({"a": ["z" * 60000], "ip": "203.0.113.9"}))
    messages = [Message(body=body.encode()) for body in bodies * 4]
    assert sum(len(m.body) for m in messages) > BATCH_BYTES
    alone = [scanner.scan([message])[0] for message in messages]
    assert scanner.scan(messages) == alone
    order = list(range(len(messages)))
    random.Random(7).shuffle(order)
    again = scanner.scan([messages[index] for index in order])
    assert again == [alone[index] for index in order]


def test_many_matches_are_counted_to_a_limit(scanner: Scanner) -> None:
    text = "a@example.com " * 1000
    (findings,) = scanner.scan([Message(body=json.dumps({"t": text}).encode())])
    assert findings[0].count == 256


def test_a_body_made_of_hits_ends_at_the_limit(scanner: Scanner) -> None:
    body = b"[" + b'"a@b.co",' * 70_000 + b"0]"
    (findings,) = scanner.scan([Message(body=body)])
    assert findings[0].count == FIELD_LIMIT
    assert findings[0].is_least


def test_a_batch_that_ends_at_the_limit_is_read_one_by_one(scanner: Scanner) -> None:
    """Each of them alone has fewer hits than end a scan."""
    batch = [Message(body=b'["' + b"9" * 60_000 + b'"]')] * 3
    batch.append(Message(body=b'{"email": "ada@example.com"}'))
    *_, last = scanner.scan(batch)
    assert [(f.data_type, f.is_least) for f in last] == [("contact.email", False)]


def test_explanations_tell_rule_context_and_sum(scanner: Scanner) -> None:
    body = json.dumps({"card_number": CARD, "order_number": CARD}).encode()
    rows = scanner.explain(Message(body=body))
    digits = {r.path: r for r in rows if r.rule == "digits"}
    told, doubted = digits["$.card_number"], digits["$.order_number"]
    assert (told.context, told.likelihood) == (("key",), 5)
    assert (told.start, told.length, told.verdict) == (0, 16, "valid")
    assert doubted.arithmetic == "base 3 validator +1 context +1 doubt +0 cut +0" or (
        doubted.context == ("doubtful key",)
    )


def test_no_value_is_in_any_output(scanner: Scanner) -> None:
    secret = "Qx7Zp93mLk2Vt8Rw"
    body = json.dumps(
        {"password": secret, secret: {"email": f"{secret}@example.com"}}
    ).encode()
    message = Message(target=secret.encode(), body=body)
    shown = repr([message, scanner.scan([message]), scanner.explain(message)])
    assert secret not in shown
    assert CARD not in repr(Message(body=CARD.encode()))


BODIES = st.recursive(
    st.sampled_from([CARD, "ada@example.com", "203.0.113.9", "x", "\ud83d\ude00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["card", "number", "email", "name", "cvv", "a"]), inner
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(BODIES, st.integers(0, 200), st.binary(max_size=3))
def test_mutated_bodies_never_raise(
    scanner: Scanner, body: object, position: int, patch: bytes
) -> None:
    data = json.dumps(body).encode()
    mutated = data[:position] + patch + data[position + 2 :]
    for findings in scanner.scan([Message(body=mutated), Message(body=patch)]):
        assert all(isinstance(finding, Finding) for finding in findings)


@pytest.mark.parametrize(
    ("body", "likelihood"),
    [
        ({"taxId": "36574261809"}, Likelihood.LIKELY),
        ({"taxId": "36574261809", "country": "Germany"}, Likelihood.LIKELY),
        ({"country": "BR", "taxId": "36574261809"}, Likelihood.POSSIBLE),
        ({"brazilTaxId": "36574261809"}, Likelihood.POSSIBLE),
        ({"taxIdBR": "36574261809"}, Likelihood.POSSIBLE),
        ({"taxId": "36574261809", "a": {"country": "BR"}}, Likelihood.LIKELY),
        ({"taxId": ["36574261809"] * 2, "countryCode": "BRA"}, Likelihood.POSSIBLE),
        (
            {"taxId": "36574261809", "country": "BR", "homeCountry": "DE"},
            Likelihood.LIKELY,
        ),
    ],
)
def test_numbers_are_of_the_country_that_keys_or_fields_name(
    scanner: Scanner, body: object, likelihood: Likelihood
) -> None:
    ((finding,),) = scanner.scan([Message(body=json.dumps(body).encode())])
    assert (finding.data_type, finding.likelihood) == ("financial.tax_id", likelihood)


@pytest.mark.parametrize(
    ("country", "likelihood"),
    [
        ("GB", Likelihood.VERY_LIKELY),
        ("DE", Likelihood.LIKELY),
        ("FR", Likelihood.POSSIBLE),
        ("", Likelihood.LIKELY),
    ],
)
def test_numbers_without_calling_code_are_of_the_country(
    scanner: Scanner, country: str, likelihood: Likelihood
) -> None:
    body = json.dumps({"phone": "020 7946 0958", "country": country})
    ((finding,),) = scanner.scan([Message(body=body.encode())])
    assert finding.likelihood is likelihood


def test_passports_are_shown_in_other_countries_too(scanner: Scanner) -> None:
    for body, likelihood in (
        ({"passport": "AB123456", "country": "DE"}, Likelihood.LIKELY),
        ({"german_passport": "AB123456"}, Likelihood.POSSIBLE),
    ):
        ((finding,),) = scanner.scan([Message(body=json.dumps(body).encode())])
        assert (finding.data_type, finding.likelihood) == (
            "identity.passport",
            likelihood,
        )


def test_words_of_a_text_are_no_secrets_but_numbers_may_be(scanner: Scanner) -> None:
    assert not found(scanner, {"note": "the access token identifying the page"})
    assert found(scanner, {"note": "the access token is x7Kd92mQpZx81LsVt0b here"})


def test_documents_in_a_document_end_with_its_work(scanner: Scanner) -> None:
    inner = json.dumps({"email": "ada@example.com", "note": "x" * 600})
    (findings,) = scanner.scan([Message(body=json.dumps([inner] * 3000).encode())])
    assert 500 < findings[0].count < 3000


def test_forms_of_a_country_are_found_in_texts(scanner: Scanner) -> None:
    told = {"$.uk_postcode": "contact.postal_code"}
    assert found(scanner, {"uk_postcode": "I live at SW1A 1AA in London"}) == told
    assert not found(scanner, {"uk_postcode": "I live at VA1 1AA in London"})


@pytest.mark.parametrize("key", ["phone_home", "phoneWork", "passport_number_us"])
def test_modifiers_and_countries_may_end_a_key(scanner: Scanner, key: str) -> None:
    assert found(scanner, {key: "790369937"})


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "ssn", "value": "536904399"}, "$.value"),
        ({"value": 536904399, "key": "userSsn"}, "$.value"),
        ({"answer": "ssn 536-90-4399", "question": "Your SSN"}, "$.answer"),
        ({"name": "SSN", "label": "US SSN", "value": "536904399"}, "$.value"),
        ({"value": "536904399", "name": "SSN", "label": "US SSN"}, "$.value"),
        ({"ssn": {"value": "536904399"}}, "$.ssn.value"),
        ({"ssn": [{"type": "first", "value": "536904399"}]}, "$.ssn[*].value"),
        ({"order": {"value": "536904399", "type": "ssn"}}, "$.order.value"),
        ({"orders": {"type": "ssn", "id": {}, "value": "536904399"}}, "$.orders.value"),
    ],
)
def test_what_is_only_a_value_has_the_name_above_or_beside_it(
    scanner: Scanner, body: object, path: str
) -> None:
    assert found(scanner, body) == {path: "identity.us_ssn"}
    rows = scanner.explain(Message(body=json.dumps(body).encode()))
    told = [row for row in rows if row.data_type == "identity.us_ssn"]
    assert {row.context for row in told} == {("name above or beside",)}


@pytest.mark.parametrize(
    "body",
    [
        {"name": "order", "value": "536904399"},
        {"name": "ssn", "total": "536904399"},
        {"about": "ssn", "value": "536904399"},
        {"name": "ssn", "more": {"value": "536904399"}},
        {"name": "ssn", "more": ["536904399"]},
        {"hasSsn": {"value": "536904399"}},
        [{"name": "ssn"}, {"value": "536904399"}],
    ],
)
def test_names_of_other_things_name_no_value(scanner: Scanner, body: object) -> None:
    assert not found(scanner, body)


@pytest.mark.parametrize(
    ("key", "value", "data_type"),
    [
        ("客户姓名", "王伟", "personal.name"),
        ("住所", "東京都千代田区1-1", "contact.postal_address"),
        ("비밀번호", "hunter2xyz", "credential.password"),
        ("userAchternaam", "de Vries", "personal.last_name"),
        ("номер_телефона", "912 345-67-89", "contact.phone"),
        ("sukupuoli", "nainen", "personal.gender"),
        ("FODSELSDATO", "1980-03-12", "personal.birth_date"),
    ],
)
def test_keys_of_other_languages_tell(
    scanner: Scanner, key: str, value: str, data_type: str
) -> None:
    for is_ascii in (True, False):
        body = json.dumps({key: value}, ensure_ascii=is_ascii)
        assert list(found(scanner, body.encode()).values()) == [data_type]


def test_a_value_that_names_its_own_type_is_a_label(scanner: Scanner) -> None:
    labels = {"password": "Contraseña", "firstName": "Given name", "ville": "city"}
    assert not found(scanner, {"labels": labels})
    assert found(scanner, {"firstName": "Iban"}) == {
        "$.firstName": "personal.first_name"
    }


@pytest.mark.parametrize("sign", ["A", "9", "1.", "x", "*", "0", "a", "F"])
def test_no_rule_begins_anew_in_a_run(scanner: Scanner, sign: str) -> None:
    hits: list[int] = []
    data = json.dumps({"content": sign * 1400}).encode()
    scanner.database.scan(
        data, match_event_handler=lambda *hit: hits.append(hit[2]), context=None
    )
    assert len(hits) <= 3


@pytest.mark.parametrize(
    "text",
    ["10.1.2.3", "10.1.2.3.", "10.1.2.3..", "10.1.2.3, 10.1.2.4", "v1 10.1.2.3\n"],
)
def test_addresses_end_before_any_sign(scanner: Scanner, text: str) -> None:
    for body in (json.dumps({"ip": text}), json.dumps(json.dumps({"ip": text}))):
        assert "network.ip_address" in found(scanner, body.encode()).values()
    cut = Message(body=b'{"client_ip": "10.1.2.3', truncated=True)
    (findings,) = scanner.scan([cut])
    assert [finding.data_type for finding in findings] == ["network.ip_address"]


def test_an_address_without_quotes_is_found(scanner: Scanner) -> None:
    assert found(scanner, b'{"ip": 10.1.2.3}') == {"$.ip": "network.ip_address"}


@pytest.mark.parametrize("card", ["4242 4242 424x 4242", "4242-42**-****-4242"])
def test_one_mask_before_the_last_digits_suffices(scanner: Scanner, card: str) -> None:
    body = json.dumps({"note": f"the masked card is {card}"}).encode()
    (findings,) = scanner.scan([Message(body=body)])
    assert "financial.card_masked" in [finding.data_type for finding in findings]


@pytest.mark.parametrize(
    "text", ["/" + "a" * 70 + "=", "Ab" * 38 + "=", "/" + "Ab/" * 25]
)
def test_paths_and_names_under_secrets_keys_take_no_time(
    scanner: Scanner, text: str
) -> None:
    (findings,) = scanner.scan([Message(body=json.dumps({"password": text}).encode())])
    assert len(findings) <= 1


def test_told_values_are_tried_as_before_where_an_anchor_leaves_them_out(
    scanner: Scanner,
) -> None:
    for body, rule in (
        (b'{"nhsNumber": "943 476 5919"}', "grouped"),
        (b'{"ip": "::"}', "v6"),
    ):
        ((finding,),) = scanner.scan([Message(body=body)])
        assert finding.why is not None
        assert finding.why.rule == rule
