"""One path segment at its place: a name of the interface, or data that must not stay.

In: a raw segment and what stands before it. Out: the segment itself if the vocabulary
knows its words to be names of interfaces at such a place, else a placeholder. In doubt
it is data. Percent-encoding (RFC 3986 section 2.1) is undone once; what follows a
semicolon (section 3.3) is left out.

Where data follows a noun (`/projects/…`), words that are well known are data as well:
only operations and nouns in plural stay, and after names of persons and of secrets
(`/users/…`, `/reset/…`) operations alone.
"""

import re
from urllib.parse import unquote_to_bytes

from agent.digger import vocabulary as known
from agent.digger.shapes import DATE, ID, VALUE, is_placeholder, placeholder
from agent.digger.vocabulary import Vocabulary
from agent.digger.words import is_plural, split

START, OPEN, ROOT, BELOW, BEHIND, FAR, ONE, PERSONAL = range(8)
"""Places: first; after a name of the interface; after one that versions follow; after
a noun that data follows; after data; where a second parameter may stand; after what is
one person's or firm's; after names of persons and secrets."""
NAMES_NO_CAPITALS = 8
"""Added to a place where lower case stands before: a name with a capital is data."""
BEFORE_UNDERSCORE = 16
"""Added to a place before a segment such as `_search`: an index stands there."""
SECOND = 32
"""Added to a place after a noun that two parameters may follow (`/repos/owner/name`)."""
PLACES = 64
PLACE = 7


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PERSONAL_NOUNS = _words(
    """account address addresses assignee author authors blog blogs buyer by byemail
    byname card city citizen client clients contact contacts coupon coupons customer
    customers diagnoses diagnosis doc docs document documents driver email emails
    employee employees fax file files firstname follower followers friend friends guest
    handle iban index invitation invitations invite invites key lastname license login
    mail mailbox member members mobile mrn name names nickname note owner owners page
    pages passport password passwords patient patients people person persons phone
    phones plate post posts profile profiles promo recipient recipients recover
    recovery redeem reference referral reset secret secrets share signin slug ssn
    student students subscriber surname tag tags tenant tenants ticket token tokens u
    unsubscribe upload uploads user userid username usernames users vin voucher
    vouchers wallet wallets wiki zip"""
)
"""Nouns of persons, secrets and texts: what follows is data."""
OF_ONE = _words("user customer account org organization tenant profile client member")
"""In singular the one who asks may be meant: `/user/keys`."""
PEOPLE = _words(
    """admins boots buyers clients contacts customers employees families friends
    followers guests kids leads managers members news owners patients persons players
    sellers shirts shoes students subscribers teachers testers users"""
)
"""Groups that people call by a name of several words, as in `/groups/vip-customers`."""
CALLED = _words(
    """app backend backlog beta blog checkout data demo design dev finance
    frontend growth hr infra landing ledger legal main marketing mobile newsletter
    onboarding ops payroll platform portal prod production research roadmap sales
    sandbox shop staging store support team web website worker"""
)
"""What teams, projects and environments are called: where such stand, these are data."""
ROOTS = _words(
    """_apis admin api apis gateway internal odata open private public rest restapi rpc
    v webapi ws"""
)
"""After these, versions and names of the interface stand."""
VERBS = _words(
    """accept acknowledge activate add allow analyze apply approve archive assign attach
    authorize autocomplete batch block bookmark bulk by calculate cancel capture change
    check classify clean clear clone close collapse comment compare complete compute
    confirm convert copy count create deactivate decline decrypt delete demote deny
    deploy detach detect disable disallow disconnect dismiss download downgrade drop
    duplicate edit enable encrypt end escalate estimate evaluate execute expand explain
    export extend fail fetch find finish follow for format generate get handle has hide
    ignore import increment initialize insert inspect invoke is join kill leave like
    link list lock log login logout lookup map merge migrate modify move multi mute
    normalize notify open parse patch pause pin ping post preview print process promote
    publish purge put query quote rate read reactivate reassign reboot rebuild recommend
    recover refer refresh refund register reindex reject release reload remove rename
    render renew reopen reorder replace reply report reposition request rerequest resend
    reset resize resolve restart restore resume retrieve retry reveal revert revoke
    rotate run save scan schedule scroll search send set share show shutdown sign
    simulate skip snooze star start stop submit subscribe suggest summarize suspend swap
    switch sync terminate test track transcribe transfer translate trigger unarchive
    unassign unblock undelete undeploy unfollow unlike unlink unlock unmute unpause
    unpin unpublish unstar unsubscribe update upgrade upload upsert validate verify void
    vote wait watch withdraw"""
)
"""Words of operations."""
_LETTERS_AND_DIGITS = _words(
    """2fa 3d 3ds auth0 b2b b2c base64 e2e h264 i18n ipv4 ipv6 k8s l10n md5 mp3 mp4
    oauth1 oauth1a oauth2 p2p s3 saml2 sha1 sha256 utf8 web2 web3 x509"""
)
_EXTENSIONS = _words(
    """action asp aspx avi avif bmp bz2 cfg cgi conf csr csv css crt dcm do doc docx eot
    gif gpg gz heic htm html ico ics ini jpeg jpg js json jsonl jsp key log m3u8 map md
    mjs mov mp3 mp4 ndjson odt p12 pdf pem php png ppt pptx proto ps1 rar rss rtf sh
    sql svc svg tar tgz tif tiff toml tsv ttf txt vcf wasm wav webm webp woff woff2 xhtml
    xls xlsx xml xro yaml yml zip"""
)
_OF_INTERFACES = _words(
    "action asp aspx cgi css do htm html js json jsp map mjs php proto svc wasm xml xro"
)
"""Files that programs are made of; others are called by people."""
_FILES = _words(
    """android-chrome apple-touch-icon favicon humans index llms logo manifest
    openapi robots security sitemap swagger"""
)
_PACKAGE_ROOTS = _words("com org net io dev grpc google")

_LONGEST_SEGMENT = 200
_LONGEST = 64
_MOST_WORDS = 7
_PRINTABLE = re.compile(rb"[\x21-\x7e]+")
_SURE_ID = re.compile(rb"\d{3,40}|(?=(?:[^\d]*\d){4})(?!\d{4}-)[A-Za-z0-9_-]{4,200}")
"""Ids wherever they stand: as `is_sure_id` of agent/digger/endpoints.py."""
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_VERSION = re.compile(
    r"[vV]\d{1,3}(\.\d{1,3}){0,2}((alpha|beta|rc|preview|p)\d{0,2}((alpha|beta)\d)?)?"
)
_NUMBERED_VERSION = re.compile(r"\d{1,2}(\.\d{1,2})?|20\d\d-\d\d-\d\d")
_DOTTED_VERSION = re.compile(r"\d{1,2}\.\d{1,2}")
_LOCALE = re.compile(r"[a-z]{2}[-_][A-Z]{2}")
_VERB = re.compile(r"(.+):([a-z][A-Za-z]{1,30})")
_CALL = re.compile(r"([A-Za-z][A-Za-z.]{0,40})\(.*\)")
_TO = re.compile(r"([a-z]{2,})[24]([a-z]{2,})")
_COUNTED = re.compile(r"([a-z]{3,})\d")
_SERVICE = re.compile(r"((?:[a-z][a-z0-9_]*\.)*)([A-Z][A-Za-z0-9]+)")


class Segments:
    """Judges segments by a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def template(self, segment: bytes, place: int) -> str:
        """The segment if it may stay at `place`, else a placeholder."""
        text = plain(segment)
        if not text:
            return VALUE
        if is_sure_id(segment):
            return ID
        return self._template(text, place)

    def after(self, template: str, place: int) -> int:
        """The place behind a segment that became `template` at `place`."""
        style = place & NAMES_NO_CAPITALS
        where = place & PLACE
        if is_placeholder(template):
            return (FAR if where == FAR or place & SECOND else BEHIND) | style
        if _VERSION.fullmatch(template) or template[0].isdigit():
            return ROOT | style
        if template[0].islower() and template not in ROOTS:
            style = NAMES_NO_CAPITALS
        if where in (START, OPEN, ROOT) and _is_root(template):
            return ROOT | style
        kind = self.kind(template)
        if kind == OPEN and where in (BELOW, FAR):
            # What is no noun, but stood where data may stand: a kind of something.
            return FAR | style
        return kind | style

    def kind(self, name: str) -> int:
        """What may follow a name of the interface."""
        if name[0] == "_":
            return BELOW
        words = split(name)
        noun = words[-1] if words else ""
        marks = self._vocabulary.marks(noun)
        second = SECOND if marks & known.TWICE else 0
        if noun in OF_ONE:
            return ONE | second
        if noun in PERSONAL_NOUNS:
            return PERSONAL | second
        is_new = marks in (known.LISTED, known.LISTED | known.KNOWN)
        if marks & known.NOUN or (is_new and is_plural(noun)):
            return BELOW | second
        return OPEN

    def marks(self, words: list[str]) -> int:
        """What holds for all of the words; 0 if one is not known."""
        marks = -1
        for word in words:
            marks &= self._word(word)
        return marks if words else 0

    def marks_of(self, name: str) -> int:
        """What holds for all words of a name; 0 if one is not known."""
        return self.marks(split(name)) if _NAME.fullmatch(name) else 0

    def is_called(self, word: str) -> bool:
        """Whether persons, places or secrets are called so."""
        names = self._vocabulary.names
        return word in names or (word.endswith("s") and word[:-1] in names)

    def _word(self, word: str) -> int:
        if marks := self._vocabulary.marks(word):
            return marks
        if word in _LETTERS_AND_DIGITS:
            return known.LISTED | known.KNOWN
        if word.isalpha():
            return 0
        if counted := _COUNTED.fullmatch(word):
            return self._vocabulary.marks(counted[1]) & (known.LISTED | known.KNOWN)
        if both := _TO.fullmatch(word):
            return self._vocabulary.marks(both[1]) & self._vocabulary.marks(both[2])
        return 0

    def _template(self, text: str, place: int) -> str:
        where = place & PLACE
        if self.may_stay(text, place):
            return text
        stem, dot, extension = text.rpartition(".")
        if dot and stem and extension.lower() in _EXTENSIONS:
            return self._file(text, stem, extension, place)
        if (verb := _VERB.fullmatch(text)) and self.is_operation(verb[2]):
            return f"{self._template(verb[1], place)}:{verb[2]}"
        if call := _CALL.fullmatch(text):
            name = self._template(call[1], place)
            return ID if is_placeholder(name) else f"{name}({ID})"
        found = placeholder(text)
        if found == DATE and where == ROOT and _NUMBERED_VERSION.fullmatch(text):
            return text
        return found

    def _file(self, text: str, stem: str, extension: str, place: int) -> str:
        if stem in _FILES and place & PLACE in (START, OPEN, ROOT):
            return text
        shown = (
            self._template(stem, place)
            if extension.lower() in _OF_INTERFACES
            else placeholder(stem)
        )
        return f"{shown}.{extension}"

    def is_operation(self, name: str) -> bool:
        """Whether a name is made of known words and begins as operations do."""
        words = split(name)
        marks = self.marks(words)
        return bool(marks) and (
            words[0] in VERBS or bool(marks & (known.OPERATION | known.BELOW))
        )

    def may_stay(self, text: str, place: int) -> bool:
        """Whether the vocabulary knows it as a name of interfaces at such a place."""
        where = place & PLACE
        if len(text) > _LONGEST or not _NAME.fullmatch(text):
            return False
        if _VERSION.fullmatch(text):
            return where != PERSONAL
        if where in (START, ROOT) and _NUMBERED_VERSION.fullmatch(text):
            return where == ROOT or len(text) == len("2010-04-01")
        if where == OPEN and _DOTTED_VERSION.fullmatch(text):
            return True
        if where in (START, OPEN, ROOT) and (
            _LOCALE.fullmatch(text) or (len(text) == 1 and text.isalpha())
        ):
            return True
        if where == START and place & BEFORE_UNDERSCORE and text[0] != "_":
            return False
        return self._is_known(text, place)

    def _is_known(self, text: str, place: int) -> bool:
        words = split(text)
        if not words or len(words) > _MOST_WORDS or ("-" in text and "_" in text):
            return False
        if sum(letter.isdigit() for letter in text) > 3 or text[0].isdigit():
            if text not in _LETTERS_AND_DIGITS:
                return False
        marks = self.marks(words)
        where = place & PLACE
        if not marks or words[-1].isdigit():
            return False
        if marks & known.NAME and not marks & known.FREQUENT and text[0].isupper():
            if where not in (OPEN, ROOT) or place & NAMES_NO_CAPITALS:
                return False
        if where in (START, OPEN, ROOT):
            return True
        if text[0] == "_":
            return where != PERSONAL
        if "." in text and where != BEHIND:
            return False
        if len(words) == 1:
            return _word_stays(words[0], marks, where)
        return self._name_stays(words, marks, where)

    def _name_stays(self, words: list[str], marks: int, where: int) -> bool:
        """A name of several words where data may stand."""
        if words[0] == "my" or CALLED.issuperset(words):
            return False
        if not marks & known.KNOWN and where != BEHIND:
            return False
        if words[0] in VERBS:
            return True
        if where == PERSONAL or words[-1] in PEOPLE:
            return False
        if is_plural(words[-1]):
            return True
        ends = self._word(words[-1]) & known.ENDS
        return where == BEHIND and bool(ends) and bool(marks & known.KNOWN)


def _is_root(name: str) -> bool:
    _, dot, extension = name.rpartition(".")
    return name in ROOTS or (bool(dot) and extension in _OF_INTERFACES)


def _word_stays(word: str, marks: int, where: int) -> bool:
    """A single word where data may stand."""
    is_verb = word in VERBS
    if word in CALLED:
        return False
    if where in (PERSONAL, ONE) and (
        marks & known.COMMON_OPERATION or (is_verb and marks & known.OPERATION)
    ):
        return True
    if where == PERSONAL:
        return False
    if is_verb or (is_plural(word) and (marks & known.KNOWN or where == BEHIND)):
        return True
    if word.endswith("ed") and marks & known.KNOWN:
        return True
    if where == BELOW:
        return bool(marks & known.BELOW)
    if where == BEHIND:
        return bool(marks & known.BEHIND) or len(word) == 1
    return where == FAR and bool(marks & known.FAR_BEHIND)


def plain(segment: bytes) -> str:
    """The segment decoded once, without matrix parameters; nothing if it is no text."""
    if len(segment) > _LONGEST_SEGMENT:
        return ""
    decoded = segment.partition(b";")[0]
    if b"%" in decoded:
        decoded = unquote_to_bytes(decoded)
    return decoded.decode("ascii") if _PRINTABLE.fullmatch(decoded) else ""


def is_sure_id(segment: bytes) -> bool:
    return _SURE_ID.fullmatch(segment) is not None


def is_service(name: str, segments: Segments) -> bool:
    """Whether it is a service's full name (gRPC): `com.acme.shop.v1.OrderService`."""
    found = _SERVICE.fullmatch(name)
    if not found or not found[1] or not segments.marks(split(found[2])):
        return False
    labels = found[1].split(".")[:-1]
    if labels[0] in _PACKAGE_ROOTS:
        labels = labels[2:]
    return all(
        _VERSION.fullmatch(label) or segments.marks(split(label)) for label in labels
    )
