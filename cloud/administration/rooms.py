"""The administration's pages and forms, as lines for the table of pages.

In: the doors, and what is in effect. Out: pages that read the doors' data, and actions
that change it. Each change goes through the doors' own functions, which write it into
the audit log in the same transaction.
"""

from cloud.administration import reports
from cloud.administration.account import Account
from cloud.administration.doors import Doors
from cloud.administration.tokens import TokenDesk
from cloud.administration.users import UserDesk
from cloud.administration.views import Views
from cloud.pages.page import Action, Page, Sent
from cloud.visitor import Role

ROOT = "/administration"
FOLDER = "administration"


def pages(doors: Doors) -> tuple[Page, ...]:
    """All of them."""
    users, tokens, account = UserDesk(doors), TokenDesk(doors), Account(doors)
    views, admin = Views(doors), Role.ADMIN
    return (
        Page(
            f"{ROOT}/users",
            "users",
            f"{FOLDER}/users.html",
            users.read,
            reports.UsersReport,
            rows="users",
            role=admin,
        ),
        Page(
            f"{ROOT}/tokens",
            "tokens",
            f"{FOLDER}/tokens.html",
            tokens.read,
            reports.TokensReport,
            rows="tokens",
            role=admin,
        ),
        Page(
            f"{ROOT}/visits",
            "visits",
            f"{FOLDER}/visits.html",
            views.visits,
            reports.VisitsReport,
            rows="visits",
            role=admin,
        ),
        Page(
            f"{ROOT}/audit",
            "audit",
            f"{FOLDER}/audit.html",
            views.audit,
            reports.AuditReport,
            reports.AuditQuery,
            rows="lines",
            role=admin,
        ),
        Page(
            f"{ROOT}/settings",
            "settings",
            f"{FOLDER}/settings.html",
            views.settings,
            reports.SettingsReport,
            rows="settings",
            role=admin,
        ),
        Page(
            "/account",
            "account",
            f"{FOLDER}/account.html",
            account.read,
            reports.AccountReport,
            rows="keys",
        ),
        Page(
            "/shown/{id}",
            "shown",
            f"{FOLDER}/shown.html",
            views.shown,
            reports.SecretReport,
        ),
    )


def actions(doors: Doors) -> tuple[Action, ...]:
    """All of them."""
    users, tokens, account = UserDesk(doors), TokenDesk(doors), Account(doors)
    views, admin = Views(doors), Role.ADMIN
    return (
        Action(
            f"{ROOT}/users",
            "user_invite",
            users.invite,
            admin,
            fields=("name", "role", "scope"),
            again=f"{ROOT}/users",
            form=lambda _: "invite",
        ),
        Action(
            f"{ROOT}/users/change",
            "user_change",
            users.change,
            admin,
            fields=("name", "role", "scope"),
            again=f"{ROOT}/users",
            form=_name,
        ),
        Action(
            f"{ROOT}/users/reset",
            "user_reset",
            users.reset,
            admin,
            fields=("name",),
            again=f"{ROOT}/users",
            form=_name,
        ),
        Action(
            f"{ROOT}/users/disable",
            "user_disable",
            users.disable,
            admin,
            fields=("name", "is_disabled"),
            again=f"{ROOT}/users",
            form=_name,
        ),
        Action(
            f"{ROOT}/users/remove",
            "user_remove",
            users.remove,
            admin,
            fields=("name", "sure"),
            again=f"{ROOT}/users",
            form=_name,
        ),
        Action(
            f"{ROOT}/tokens",
            "token_create",
            tokens.create,
            admin,
            fields=("cluster",),
            again=f"{ROOT}/tokens",
            form=lambda _: "create",
        ),
        Action(
            f"{ROOT}/tokens/revoke",
            "token_revoke",
            tokens.revoke,
            admin,
            fields=("id",),
            again=f"{ROOT}/tokens",
        ),
        Action(
            f"{ROOT}/visits/end",
            "visit_end",
            views.end_visit,
            admin,
            fields=("id",),
            again=f"{ROOT}/visits",
        ),
        Action(
            "/account/password",
            "password_choose",
            account.choose,
            Role.VIEWER,
            fields=("current", "chosen", "again"),
            again="/account",
            form=lambda _: "password",
        ),
        Action(
            "/account/digest",
            "digest_choose",
            account.digest,
            Role.VIEWER,
            fields=("rhythm", "weekday", "address"),
            again="/account",
            form=lambda _: "digest",
        ),
        Action(
            "/account/keys",
            "key_create",
            account.create,
            Role.VIEWER,
            fields=("role", "days"),
            again="/account",
            form=lambda _: "key",
        ),
        Action(
            "/account/keys/revoke",
            "key_revoke",
            account.revoke,
            Role.VIEWER,
            fields=("id",),
            again="/account",
        ),
    )


def _name(sent: Sent) -> str:
    """Each row of the users has its own forms."""
    return sent.one("name")
