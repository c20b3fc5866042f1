"""Countries: codes of ISO 3166-1 (and Kosovo's), and the names that keys use.

A key names a country by a name or nationality anywhere in it (`germanTaxId`), or by a
code at one of its ends (`de_tax_id`, `taxIdDE`). Codes that are as often other words
there (`my`, `no`, `id`, `sn`) do not count.
"""

from collections.abc import Sequence

COUNTRIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ
    BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR
    CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU
    ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ
    LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ
    MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF
    PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI
    SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR
    TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
""".split()
)
"""Two-letter codes of ISO 3166-1, and Kosovo's."""

_NAMES = """
    AE ARE emirati emirates united_arab_emirates
    AM ARM armenian armenia
    AR ARG argentine argentinian argentina
    AT AUT austrian austria osterreich
    AU AUS australian australia
    AZ AZE azerbaijani azerbaijan
    BA BIH bosnian bosnia bosnia_and_herzegovina
    BD BGD bangladeshi bangladesh
    BE BEL belgian belgium
    BG BGR bulgarian bulgaria
    BR BRA brazilian brazil brasil
    BY BLR belarusian belarus
    CA CAN canadian canada
    CH CHE swiss switzerland schweiz
    CL CHL chilean chile
    CN CHN chinese china
    CO COL colombian colombia
    CR CRI costa_rican costa_rica
    CY CYP cypriot cyprus
    CZ CZE czech czechia czech_republic
    DE DEU german germany deutsch deutsche deutschland
    DK DNK danish denmark danmark
    DO DOM dominican dominican_republic
    DZ DZA algerian algeria
    EC ECU ecuadorian ecuador
    EE EST estonian estonia
    EG EGY egyptian egypt
    ES ESP spanish spain espana
    FI FIN finnish finland
    FR FRA french france
    GB GBR british britain great_britain united_kingdom
    GH GHA ghanaian ghana
    GR GRC greek greece
    GT GTM guatemalan guatemala
    HK HKG hong_kong
    HR HRV croatian croatia
    HU HUN hungarian hungary
    ID IDN indonesian indonesia
    IE IRL irish ireland
    IL ISR israeli israel
    IN IND indian india
    IR IRN iranian iran
    IS ISL icelandic iceland
    IT ITA italian italy italia
    JM JAM jamaican jamaica
    JP JPN japanese japan
    KE KEN kenyan kenya
    KR KOR korean korea south_korea republic_of_korea
    KZ KAZ kazakh kazakhstan
    LI LIE liechtenstein
    LK LKA sri_lankan sri_lanka
    LT LTU lithuanian lithuania
    LU LUX luxembourgish luxembourg
    LV LVA latvian latvia
    LY LBY libyan libya
    MA MAR moroccan morocco
    MC MCO monaco
    MK MKD macedonian north_macedonia
    MT MLT maltese malta
    MX MEX mexican mexico
    MY MYS malaysian malaysia
    MZ MOZ mozambican mozambique
    NG NGA nigerian nigeria
    NL NLD dutch netherlands nederland
    NO NOR norwegian norway norge
    NP NPL nepalese nepali nepal
    NZ NZL new_zealand
    PA PAN panamanian panama
    PE PER peruvian peru
    PH PHL philippine filipino philippines
    PK PAK pakistani pakistan
    PL POL polish poland polska
    PR PRI puerto_rico
    PT PRT portuguese portugal
    PY PRY paraguayan paraguay
    RO ROU romanian romania
    RS SRB serbian serbia
    RU RUS russian russia russian_federation
    SA SAU saudi saudi_arabia
    SE SWE swedish sweden sverige
    SG SGP singaporean singapore
    SI SVN slovenian slovenia
    SK SVK slovak slovakia
    SM SMR san_marino
    SV SLV salvadoran el_salvador
    TH THA thai thailand
    TN TUN tunisian tunisia
    TR TUR turkish turkey turkiye
    TW TWN taiwanese taiwan
    UA UKR ukrainian ukraine
    US USA american united_states united_states_of_america
    UY URY uruguayan uruguay
    UZ UZB uzbek uzbekistan
    VE VEN venezuelan venezuela
    VN VNM vietnamese vietnam viet_nam
    ZA ZAF south_african south_africa
"""
"""Those that some rule knows: two letters, three letters, names."""

_BY_NAME = {"uk": "GB"}
for _line in _NAMES.split("\n"):
    for _word in _line.split():
        _BY_NAME[_word.replace("_", "").lower()] = _line.split()[0]

NAME_WORDS = 5
"""Words of the longest name."""
_CODE = 2
_SHORTEST_NAME = 4
_OTHER_FIRST = frozenset("am co do id is ma me my no pa pk sa".split())
_OTHER_LAST = _OTHER_FIRST | frozenset("as at be by hr in it mx sm sn tn".split())
"""Codes that keys begin or end with as other words (`my_card`, `ssn_no`, `sign_in`)."""


def of_value(text: str) -> str:
    """The country whose code or name the text is, in lower case without spaces; empty
    if it is of none known here."""
    return _BY_NAME.get(text, "")


def of_key(words: Sequence[str]) -> str:
    """The country that a key's words name; empty: none."""
    for start in range(len(words)):
        for end in range(start + 1, min(start + NAME_WORDS, len(words)) + 1):
            name = "".join(words[start:end])
            if len(name) >= _SHORTEST_NAME and name in _BY_NAME:
                return _BY_NAME[name]
    if len(words) < 2:
        return ""
    if ends_key(words[-1]):
        return _BY_NAME[words[-1]]
    is_code = len(words[0]) == _CODE and words[0] not in _OTHER_FIRST
    return _BY_NAME.get(words[0], "") if is_code else ""


def ends_key(word: str) -> bool:
    """Whether a key's last word is a country: its code, or a name."""
    is_code = len(word) == _CODE and word not in _OTHER_LAST
    return (is_code or len(word) >= _SHORTEST_NAME) and word in _BY_NAME
