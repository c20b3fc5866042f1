"""Validators against published examples."""

from types import ModuleType

import pytest

from detection.validators.named import HOMES, find, is_known
from detection.validators.verdict import Verdict

VALID, UNSURE, INVALID = Verdict.VALID, Verdict.UNSURE, Verdict.INVALID

CASES: dict[str, dict[Verdict, list[str]]] = {
    "payment_card": {
        VALID: ["4111111111111111", "3714 496353 98431", "5555-5555-5555-4444"],
        INVALID: ["4111111111111112", "1234567890123452", "41", "0" * 16, "x" * 16],
    },
    "card_expiry": {
        VALID: ["12/27", "2027-12", "0330", "202712", "12/2030"],
        INVALID: ["13/45", "12", "99/2150", "203013"],
    },
    "track": {
        VALID: ["%B4111111111111111^A/B^3012", ";4111111111111111=3012"],
        INVALID: ["no digits", ";4111111111111112=3012"],
    },
    "imei": {VALID: ["490154203237518", "49-015420-323751-8"], INVALID: ["4901542032"]},
    "clabe": {VALID: ["032180000118359719"], INVALID: ["032180000118359718"]},
    "monero_address": {
        VALID: [
            "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VB"
            "BEt7f2wfn3RVGQBEP3A"
        ],
        INVALID: [
            "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VB"
            "BEt7f2wfn3RVGQBEP3B",
            "4" + "1" * 100,
            "z" * 95,
        ],
    },
    "atlassian_token": {
        VALID: ["ATATT3xFfGF0aQ7pLm2Wk9=" + "360AE813"],
        UNSURE: ["ATATT3xFfGF0aQ7pLm2Wk9=" + "360AE814", "ATBBq7LmW2kTz9RfVxYc3p"],
    },
    "bitcoin_address": {
        VALID: [
            "17VZNX1SN5NtKa8UQFxwQbFeFc3iqRYhem",
            "2NFUBBRcTJbYc1D4HSCbJhKZp6YCV4PQFpQ",
            "bc1p5d7rjq7g6rdk2yhzks9smlaqtedr4dekq08ge8ztwac72sfr9rusxg3297",
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
        ],
        INVALID: [
            "17VZNX1SN5NlKa8UQFxwQbFeFc3iqRYhem",
            "2NFUBBRcTJbYc1D4HSCbJhKZp6YCV4PQFp0",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
            "bc1bbbbbbbbbbbbbb",
            "no",
        ],
    },
    "ripple_address": {
        VALID: ["rf1BiGeXwwQoi8Z2ueFYTEXSwuJYfV2Jpn"],
        INVALID: ["rf1BiGeXwwQoi8Z2ueFYTEXSwuJYfV2Jpm", "r0"],
    },
    "base58_address": {
        VALID: ["DBXu2kgc3xtvCUWFcxFE3r9hEYgmuaaCyD"],
        INVALID: ["DBXu2kgc3xtvCUWFcxFE3r9hEYgmuaaCyE"],
    },
    "ethereum_address": {
        VALID: [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0x8a718a84ee7b1621e63e680371e0c03c417ccaf6",
        ],
        INVALID: ["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "0x" + "0" * 40],
    },
    "email": {
        VALID: ["ada@example.com", "a.b+c@x.co.uk", "a@203.0.113.9", "a@[IPv6:::1]"],
        INVALID: [
            ".a@b.co",
            "a.@b.co",
            "a..b@c.de",
            "a@-b.co",
            "a@b-.co",
            "a@b..co",
            "logo@2x.png",
            "a@203.0.113.256",
            "a@[IPv6:1::2::3]",
            "a@1.2",
            "@b.co",
        ],
    },
    "phone": {
        VALID: ["+44 20 7946 0958", "0044 20 7946 0958", "+39 06 698 12345"],
        UNSURE: ["020 7946 0123", "+44 7000 00000"],
        INVALID: ["12", "1111111", "+999 12345678", "+44 12", "003550"],
    },
    "international_phone": {VALID: ["+442079460958"], INVALID: ["020 7946 0123"]},
    "north_american_phone": {VALID: ["(415) 555-2671"], INVALID: ["(111) 555-2671"]},
    "birth_date": {
        VALID: ["1986-04-12", "12/31/1990", "31.12.90", "19860412", "1986-04-12T00:00"],
        UNSURE: ["4 March 1971"],
        INVALID: ["1986-14-42", "1700-01-01", "19861341"],
    },
    "person_name": {
        VALID: ["Ada Lovelace", "Ludwig van Beethoven", "李 明"],
        UNSURE: ["Ada", "ada lovelace byron"],
        INVALID: ["", "admin", "Test User", "a b c d e f g"],
    },
    "ip_address": {
        VALID: [
            "203.0.113.9",
            "2001:db8::1",
            "fe80::1%eth0",
            "a:b:c:d:e:f:a:b",
        ],
        UNSURE: ["::", "::0", "::%1", "Add::Bed"],
        INVALID: ["999.1.1.1", "0.0.0.0", "01:02:03:04:05:06:07:ab"],
    },
    "latitude": {VALID: ["51.5"], UNSURE: ["51"], INVALID: ["91.2", "x", "nan"]},
    "longitude": {VALID: ["-179.5"], UNSURE: ["7"], INVALID: ["181.0"]},
    "coordinates": {
        VALID: ["51.5,-0.1"],
        UNSURE: ["51, 7", "51.5, 7"],
        INVALID: ["91.5, 7.5", "51.5"],
    },
    "age": {VALID: ["42"], INVALID: ["0", "400", "x"]},
    "jwt": {
        VALID: [
            "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.x",
            "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0.a.b.c.d",
        ],
        INVALID: ["eyJhIjoxfQ.eyJhIjoxfQ.x", "eyJhbGciOiJIUzI1NiJ9.WzFd.x", "ey!.a.b"],
    },
    "basic_authorization": {
        VALID: ["Basic QWxhZGRpbjpvcGVu"],
        INVALID: ["Basic QWxhZGRpbg==", "Basic A"],
    },
    "encoded_login": {
        VALID: ["QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
        INVALID: ["digestabcdef", "Ojr/Ojr/Ojr/", "!"],
    },
    "random_token": {
        UNSURE: ["9f8d7c6b5a4e3d2c", "kdnbrwqhzmxtcvju", "@7f3Kd92mQpZx81Ls"],
        INVALID: [
            "@shop-db-password",
            "MailGunApiKey",
            "internationalization",
            "id=npm,src=npmrc.txt",
            "secrets.NPM_PAT",
            "sha512-" + "RdJUflcE3cUzKiMqQgsCu06FPu9UdIJO0beYbPhH" + "==",
            "sha256:" + "9f8d7c6b5a4e3d2c" * 4,
            "mail_pwd",
            "/v1/a7/keys.json",
            "aaaa",
            "********",
            "${TOKEN}",
            "aaaaaaaaaaaaaaaaaaaaaaaabcde",
        ],
    },
    "password": {UNSURE: ["hunter2"], INVALID: ["", "REDACTED"]},
    "format_token": {
        UNSURE: ["sk_live_a1b2c3d4e5f6"],
        INVALID: ["sk_live_xxxxxxxxxxxx", "nk-alpha-default-network-order-2"],
    },
    "encoded_private_key": {
        VALID: ["LS0tLS1CRUdJTi" + "BQUklWQVRFIEtFWS0tLS0tCg=="],
        INVALID: ["LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0K", "LS0tLS1CRUdJTi!"],
    },
    "checked_token": {
        VALID: ["ghp_" + "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"],
        UNSURE: ["ghp_" + "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18"],
        INVALID: ["ghp_" + "x" * 36],
    },
    "assigned_password": {
        UNSURE: [
            "password=whiteduke",
            "pwd: Tr0ub4dor",
            "password: 'open sesame'",
            "password 'sesame'",
            'Password" value="Prestigitariu$"',
            'password for the user "ada" is "sesame"',
        ],
        INVALID: [
            "password: required",
            "password=${PW}",
            "password=$PW",
            'password="$PW"',
            'password: " + secret() + "',
            "password = os.environ",
            "password: your-password",
            "passwordhunter2",
        ],
    },
    "prefixed_token": {
        UNSURE: ["shop_pat_a1b2c3d4e5f6a7b8c9d0"],
        INVALID: ["shop_pat_internationalization", "test_20260501100000000000"],
    },
    "told_password": {
        UNSURE: ["curl -u ada:s3cr3t", "IDENTIFIED BY 'sesame'"],
        INVALID: ["docker run -u 1000:1000", "curl -u ada:$PASS", "curl -u ada:****"],
    },
    "url_password": {
        UNSURE: ["amqp://ada:s3cr3t@mq"],
        INVALID: ["amqp://ada:*****@mq", "amqp://ada:$password@mq"],
    },
    "assigned_secret": {
        UNSURE: [
            "key=k9f8d7c6b5a4e3d2c",
            "token: qwfpgjluyzarstdhneioxcvbkm",
            "key is k9f8d7c6b5a4e3d2c",
            "secret_key=abcd1234",
            "SECRET abcdef1234567890abcdef12",
            "key-1a2b3c4d5e6f7a8b",
            "Key 2: 0tZn+7QQCxphpHwTm7",
            "token=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        ],
        INVALID: [
            "token: authorization_code",
            "key = AbstractSingletonProxyFactoryBean",
            "token = ${GITHUB_TOKEN_V22",
            "auth: payment-service-v2-prod-01",
            "token expires: 2026-05-01T10:00:00Z",
            "auth-1a2b3c4d5e6f7a8b",
            "token_1a2b3c4d5e6f7a8b",
            "access abcd1234",
            "key=xxxxxxxxxx12345678",
            "key",
        ],
    },
    "authorization_token": {UNSURE: ["Bearer mF_9.B5f"], INVALID: ["Bearer null"]},
    "iban": {
        VALID: [
            "GB82 WEST 1234 5698 7654 32",
            "BE71 0961 2345 6769 BIC",
            "MZ59000301080016367102371",
        ],
        INVALID: ["GB82WEST12345698765433", "MZ59000301080016367102372"],
    },
    "bic": {VALID: ["DEUTDEFF500", "deutdeff"], INVALID: ["DEUTXXFF"]},
    "eu_vat": {VALID: ["DE136695976"], INVALID: ["DE136695977"]},
    "any_vat": {
        VALID: [
            "ATU13585627",
            "13585627",
            "CHE-107.787.577 IVA",
            "AU83914571673",
            "KZ123456789012",
            "124-81-00998",
        ],
        UNSURE: ["BD 123456789"],
        INVALID: ["DE136695977", "AU83914571674", "UZ 1", "BD 1", "00000000000"],
    },
    "any_tax_id": {
        VALID: [
            "530121/999",
            "8071592152",
            "1893120105732",
            "201/123/12340",
            "536-90-4399",
        ],
        UNSURE: ["1234567890123456", "4630428020"],
        INVALID: ["000000", "911-89-1234"],
    },
    "any_national_id": {
        VALID: [
            "390.533.447-05",
            "A123456789",
            "72345-2345678-7",
            "0001015002288",
            "001-1391820-5",
            "536-90-4399",
        ],
        UNSURE: ["XK12345", "02135465462"],
        INVALID: ["pending", "000000", "00000-0000000-0"],
    },
    "document_number": {UNSURE: ["A123"], INVALID: ["none"]},
    "us_ssn": {VALID: ["536-90-4399", "536904399"], INVALID: ["000-12-3456"]},
    "us_itin": {VALID: ["912-90-3456", "911-53-1234"], INVALID: ["912-89-3456"]},
    "ir_national_code": {VALID: ["0684159414"], INVALID: ["0684159415", "1", "0" * 10]},
    "za_id_number": {
        VALID: ["7503305044089", "0001015002288"],
        INVALID: ["7503305044088", "7513305044089", "7503305044389", "1"],
    },
    "de_lanr": {VALID: ["123456601"], INVALID: ["123456901", "000000000"]},
    "de_bsnr": {VALID: ["021234568"], INVALID: ["001234568", "022222222"]},
    "de_kvnr": {VALID: ["A123456780", "M123456785"], INVALID: ["A123456787"]},
    "mac_pairs": {UNSURE: ["01:02:03:04:05:ab"], INVALID: ["00:00:00:00:00:00"]},
    "uk_nino": {VALID: ["AB 12 34 56 C"], INVALID: ["BG123612A"]},
    "de_social_security": {
        VALID: ["65070803A019"],
        INVALID: ["15070649C100", "65991303A019", "x"],
    },
    "de_document": {
        VALID: ["T220001293"],
        UNSURE: ["L01X00T44"],
        INVALID: ["T220001290", "C01"],
    },
    "es_nif": {VALID: ["54362315K", "1111111G", "B64717838"], INVALID: ["54362315Z"]},
    "lu_national_id": {VALID: ["1893120105732"], INVALID: ["1893120105733", "1"]},
    "se_personnummer": {
        VALID: ["880320-0016", "19880320-0016"],
        INVALID: ["880320-0018", "889920-0016", "1"],
    },
    "fi_hetu": {
        VALID: ["131052-308T", "131052Y308T", "010594Y9032", "020516C902J"],
        INVALID: ["131052-308U"],
    },
    "lv_personal_code": {
        VALID: ["161175-19997"],
        UNSURE: ["32000012345"],
        INVALID: ["161175-19998", "1"],
    },
    "pl_id_card": {VALID: ["ABS123456"], INVALID: ["ABS123455", "A1"]},
    "es_social_security": {
        VALID: ["02/43483954/83", "024348395483", "090018263332"],
        INVALID: ["024348395484", "004348395483", "1"],
    },
    "hu_personal_number": {
        VALID: ["1-301019-3515", "13209142528", "30108120011"],
        INVALID: ["13010193516", "13013193515", "1"],
    },
    "hu_tax_id": {VALID: ["8071592153"], INVALID: ["8071592152", "1"]},
    "ru_snils": {VALID: ["112-233-445 95"], INVALID: ["112-233-445 96", "1"]},
    "eg_national_id": {UNSURE: ["29001011234567"], INVALID: ["29013011234567", "1"]},
    "ae_emirates_id": {VALID: ["784-1968-6570305-0"], INVALID: ["784196865703051"]},
    "sa_national_id": {VALID: ["1101798278"], INVALID: ["1101798279"]},
    "lk_nic": {UNSURE: ["742454537V", "197424501234"], INVALID: ["749994537V", "1"]},
    "cn_resident_id": {
        VALID: ["360426199101010071", "110105491231002"],
        INVALID: ["360426199101010072", "110105491331002", "11", "1"],
    },
    "hk_id_card": {VALID: ["Q803337(0)"], INVALID: ["X731324(8)", "1"]},
    "tw_national_id": {VALID: ["A123456789"], INVALID: ["A123456788", "1"]},
    "kr_rrn": {
        VALID: ["971013-9019902"],
        UNSURE: ["210121-3234567", "911124-5678901"],
        INVALID: ["971313-9019902", "971013-0019902", "960121-1234567", "1"],
    },
    "kr_business_number": {
        VALID: ["124-81-00998", "2208162517"],
        INVALID: ["124-81-00999", "024-81-00998", "1"],
    },
    "sg_nric": {
        VALID: ["S9108268C", "F2346401L", "T7572225C", "M1234567K"],
        INVALID: ["S9108268D", "X1"],
    },
    "vn_citizen_id": {UNSURE: ["001090012345", "123456789"], INVALID: ["991090012345"]},
    "nz_nhi": {VALID: ["ZAC5361"], UNSURE: ["ZBN77VL"], INVALID: ["ZZZ0044"]},
    "ca_health_number": {VALID: ["9698 658 215"], INVALID: ["9698648215"]},
    "luhn11": {VALID: ["12345678903"], INVALID: ["12345678901"]},
    "pe_identity": {
        VALID: ["10117410-2"],
        UNSURE: ["10117410"],
        INVALID: ["10117410-4"],
    },
    "ec_cedula": {VALID: ["171430710-3"], INVALID: ["171430710-4"]},
    "npi": {VALID: ["1245319599"], INVALID: ["1245319598", "1111111112"]},
    "dea": {VALID: ["BB1388568"], INVALID: ["BB1388569"]},
    "au_medicare": {VALID: ["2123 45670 1"], INVALID: ["2123 25870 1"]},
    "vin": {
        VALID: ["1M8GDM9AXKP042788"],
        UNSURE: ["WBA3A5C5XDF000001"],
        INVALID: ["ABCDEFGHJKLMNPR12"],
    },
    "licence_plate": {UNSURE: ["B AB 1234"], INVALID: ["unknown", "1"]},
    "mac_address": {VALID: ["0012.3456.789a"], INVALID: ["1234.5678.9012"]},
    "stdnum.pl.pesel": {VALID: ["44051401359"], INVALID: ["44051401358"]},
    "stdnum.us.rtn": {VALID: ["3222-7162-7"]},
}


@pytest.mark.parametrize(
    ("name", "expected", "text"),
    [
        (name, answer, text)
        for name, answers in CASES.items()
        for answer, texts in answers.items()
        for text in texts
    ],
)
def test_validators_answer_as_published(
    name: str, expected: Verdict, text: str
) -> None:
    assert is_known(name)
    assert find(name)(text) is expected


def test_every_name_has_a_function_and_cases() -> None:
    for name in CASES:
        if not name.startswith("stdnum."):
            own = [home for home in HOMES if _defines(home, name)]
            assert len(own) == 1


def _defines(home: ModuleType, name: str) -> bool:
    return getattr(getattr(home, name, None), "__module__", "") == home.__name__


@pytest.mark.parametrize("name", ["nothing", "stdnum.zz.nothing", "stdnum.pl.nothing"])
def test_unknown_names_are_known_to_be_unknown(name: str) -> None:
    assert not is_known(name)
