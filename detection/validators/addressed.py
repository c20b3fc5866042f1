"""Names of people who are addressed, or named by what they are, in a text.

In comes what an expression found: words that stand before a name (`Dear`, `patient`,
`Sehr geehrte`), or behind it (`様`), with the name; out goes whether a name is there:
after a title one word is enough, else it takes two that begin with a capital, in a
script without capitals any. Words that address nobody by name (`Dear Customer`) are
none.
"""

import re

from detection.validators.verdict import Verdict, verdict

_TITLE = re.compile(
    r"(?i)(?:mrs?|ms|miss|mx|dr|prof|professor|sir|madam|frau|herrn?|fr|hr|dipl|ing|mag"
    r"|madame|monsieur|mme|mlle|m|sr|sra|srta|don|do[nñ]a|señora?"
    r"|senhora?|dott"
    r"|dottor|dottoressa|sig|sig\.ra|signora?|signorina|heer|mevrouw|dhr|mevr|pan[ií]?|panu|pane|domnule"
    r"|doamn[aă]|bay|bayan|han\u0131m|κύριε|κυρία|господин|госпожа|пан|пані|ông|bà|anh|chị"
    r"|מר|גב'|גברת|श्रीमती|श्री|डॉ"
    r"|bapak|ibu|bpk|คุณ|नाम|जी)\.?"
)
JOINING = frozenset(
    "de da do dos das di del della van von der den ter ten la le al el bin binti af"
    " av zu y e i".split()
)
"""Small words within names."""
_NOBODY = frozenset(
    """
    customer customers client clients user users team all everyone everybody friend
    friends colleague colleagues sir madam there world guest guests member members
    support admin reader readers subscriber student students parent parents valued
    hiring manager recruiter human resources applicant candidate id number record
    records portal care services service information history data status details
    account accounts email welcome thank thanks please we you your the this that it
    god lord santa kitty claude kunde kundin kunden herren damen alle zusammen nutzer
    gast kollegen mitglied équipe tous cliente clientes amigo amigos equipo todos
    usuario equipe klant allemaal kunder kund kolleger zákazníku uživateli ügyfelünk
    müşterimiz клиент друзья коллеги пользователь клієнт collega colleghi
""".split()
)
_ROLES = frozenset(
    """
    patient patientin patienten patients patiente paciente paciënt patiënt patiënte
    pacjent pacjentka pacient pacientka paziente hasta pasien holder cardholder
    karteninhaber karteninhaberin kontoinhaber inhaber titulaire titular titolare
    intestatario kaarthouder rekeninghouder posiadacz kortholder kortinnehavare
    kunde kundin cliente client klant klient customer employee mitarbeiter
    mitarbeiterin policyholder insured claimant carte tarjeta cartão karty carta
    compte cuenta conto konta пациент пациентка пацієнт держатель владелец карты
    клиент ασθενής المريض المريضة מטופל מטופלת
""".split()
)
"""What people are, which stands before their names."""
_COMPANY = frozenset(
    """
    inc corp corporation ltd limited llc llp plc gmbh ag kg se sa srl spa bv nv oy
    ab bank group holding holdings systems solutions technologies labs partners
    association university hospital clinic foundation institute international
    success experience satisfaction relations engagement lifetime journey
    acquisition feedback data id portal loyalty support care base
""".split()
)
"""Ends of names that are no person's, and what follows "customer" in headings."""
_LEAD = re.compile(r"\s*(?:尊敬的|亲爱的|[^\s:,]+(?: name\b)?)[\s:,]*", re.IGNORECASE)
_HEADING = re.compile(
    r"(?:Patient|Card ?[Hh]older|Passenger|Insured|Claimant|Policy ?[Hh]older|Customer"
    r"|Employee) [A-Z]"
)
"""A title of words, not of a person: `Patient Safety Indicators`."""
_WORD = re.compile(r"[^\s,;:!?()<>\"/]+")
_MARK = re.compile("[:\uff1a]|^\\S+ (?=[^:]*$)")
"""Parts what people are from their names."""
_FAMILY_NAMES = frozenset(
    "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜范"
    "江傅钟卢汪戴崔任陆廖姚方金邱夏谭韦贾邹石熊孟秦阎薛侯雷白龙段郝孔邵史毛常万顾赖武康贺严尹钱施牛洪龚"
    "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진지엄채원천"
)
"""The commonest of China and Korea, which most people there have."""
_BEHIND = re.compile(
    r"([^\s\d、。,]{2,12}(?: [^\s\d、。,]{1,12})?) ?(?:様|先生|女士|小姐|님)"
)


def addressed_name(text: str) -> Verdict:
    """Words of what stands before the name begin in lower case, but for the first."""
    behind = _BEHIND.fullmatch(text)
    if behind is not None:
        return verdict(not behind[1].isascii())
    if _HEADING.match(text):
        return Verdict.INVALID
    return verdict(_is_name(_WORD.findall(_LEAD.sub("", text, 1))))


def marked_name(text: str) -> Verdict:
    """What stands after a colon, or a title, in a script without capitals; a Chinese or
    Korean name begins with a usual family name."""
    name = _MARK.split(text, 1)[-1].strip()
    if not name or name.isascii():
        return Verdict.INVALID
    if "\u4e00" <= name[0] <= "\ud7a3":
        return verdict(name[0] in _FAMILY_NAMES and 2 <= len(name.split()[0]) <= 4)
    return verdict(len(name) > 2)


def _is_name(words: list[str]) -> bool:
    """Whether a name begins the words, after more of what stood before it."""
    names = 0
    is_titled = False
    for word in words:
        bare = word.strip("'\u2019`*_-")
        lower = bare.lower()
        if _TITLE.fullmatch(bare) and names == 0:
            is_titled = True
        elif lower.rstrip(".") in _COMPANY:
            return False
        elif lower in _ROLES and names == 0:
            continue
        elif lower.rstrip(".") in _NOBODY:
            if not names:
                return False
            break
        elif lower in JOINING:
            continue
        elif _begins_name(bare):
            names += 1
        elif names or is_titled:
            break
    return names > 1 or (names == 1 and is_titled)


def _begins_name(word: str) -> bool:
    is_letters = all(letter.isalpha() or letter in "'\u2019-." for letter in word)
    has_case = word[:1].lower() != word[:1].upper()
    is_mark = not has_case and any(ord(letter) > 0x250 for letter in word)
    return is_mark or (is_letters and len(word) > 1 and word[:1].isupper())
