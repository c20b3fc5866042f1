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
SELECTORS = _words("email guid id name sku slug uid userid username uuid")
"""What a thing is looked up by; data follows: `/users/username/…`."""
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
    """
    abort accept accumulate ack acknowledge acquire activate add adjust aggregate
    allocate allow amend analyze annotate append apply approve archive assign
    associate attach authenticate authorize autocomplete await batch bind block
    bookmark broadcast browse bulk buy by calculate cancel capture change check
    classify clean clear clone close collapse collect comment commit compare compile
    complete compose compress compute configure confirm connect consume contest
    convert copy count crawl create crop deactivate deallocate decline decode
    decrypt dedupe defer delegate delete deliver demote deny deploy deprovision
    dequeue deregister destroy detach detect detokenize dial diff disable disallow
    disassociate disconnect dismiss dispatch dispute downgrade download downvote
    drop duplicate edit embed emit enable encode encrypt end enqueue enroll escalate
    estimate evaluate exchange exclude execute expand explain export extend extract
    fail fetch finalize find finish flag flush follow for forget format forward
    freeze fulfill generate get grant handle hangup has hide ignore impersonate
    import include increment infer initialize initiate insert inspect install invoke
    is join kick kill leave like link list lock log login logout lookup map mark
    merge migrate modify move multi multiply mute normalize notarize notify obtain
    onboard open optimize override parse patch pause pay perform persist pin ping
    poll post predict preview print probe process promote propose provision prune
    publish pull purge push put query quote rank rate react reactivate read reassign
    reauthorize rebalance reboot rebuild recall receive recommend recompute
    reconcile recover redact redeem redeliver redirect redo refer refresh refund
    register reindex reinstate reject release reload relocate remediate remind remix
    remove rename render renew reopen reorder repair replace replay reply report
    reposition reprocess request requeue rerequest rescan resend reserve reset
    resize resolve respond restart restore resume retire retrieve retry return
    reveal reverse revert revise revoke rewind rollback rotate run sanitize save
    scan schedule scroll search seek send set settle share show shutdown sign
    simplify simulate skip snooze solve sort split star start stop submit subscribe
    suggest summarize suspend swap switch sync terminate test throttle toggle
    tokenize track transcribe transfer transform transition translate trash trigger
    trim unarchive unassign unbind unblock undelete undeploy undo unenroll unfollow
    unfreeze unhide uninstall unlike unlink unlock unmark unmute unpause unpin
    unpublish unregister unset unstar unsubscribe unsuspend untrash update upgrade
    upload upsert upvote vacuum validate verify visualize void vote wait watch wipe
    withdraw write"""
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
