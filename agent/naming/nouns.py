"""Lists of words that places in paths depend on.

Written by hand: what is data behind a noun, and what an operation is, no count of
public descriptions tells well enough. All in lower case.
"""


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
"""What teams, projects and environments are called: data, where such may stand."""
PROJECTS = _words(
    """backlog beta boots frontend gold hello holiday kitchen lake landing ledger my
    newsletter night onboarding payroll prod roadmap shirt staging vip web website
    worker world"""
)
"""Of these, and of words about work and goods, those that interfaces seldom have."""
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
LETTERS_AND_DIGITS = _words(
    """2fa 3d 3ds auth0 b2b b2c base64 e2e h264 i18n ipv4 ipv6 k8s l10n md5 mp3 mp4
    oauth1 oauth1a oauth2 p2p s3 saml2 sha1 sha256 utf8 web2 web3 x509"""
)
EXTENSIONS = _words(
    """action asp aspx avi avif bmp bz2 cfg cgi conf csr csv css crt dcm do doc docx eot
    gif gpg gz heic htm html ico ics ini jpeg jpg js json jsonl jsp key log m3u8 map md
    mjs mov mp3 mp4 ndjson odt p12 pdf pem php png ppt pptx proto ps1 rar rss rtf sh
    sql svc svg tar tgz tif tiff toml tsv ttf txt vcf wasm wav webm webp woff woff2
    xhtml xls xlsx xml xro yaml yml zip"""
)
OF_INTERFACES = _words(
    "action asp aspx cgi css do htm html js json jsp map mjs php proto svc wasm xml xro"
)
"""Files that programs are made of; others are called by people."""
FILES = _words(
    """android-chrome apple-touch-icon favicon humans index llms logo manifest
    openapi robots security sitemap swagger"""
)
PACKAGE_ROOTS = _words("com org net io dev grpc google")
