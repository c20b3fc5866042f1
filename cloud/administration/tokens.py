"""Tokens of clusters: created, rotated, revoked; and how an agent gets one.

In: forms of admins. Out: tokens, each shown once with the commands that put it into its
cluster. Rotation is a second token beside the first, until nobody uses that any more.
"""

import re

import sqlalchemy as sa

from cloud.administration.doors import Doors, hand_over, row
from cloud.administration.handed import Secret
from cloud.administration.reports import TokensReport
from cloud.errors import DoorError
from cloud.pages.page import Asked, FieldError, Sent
from cloud.store.schema import clusters

TOKENS = "/administration/tokens"
TEMPLATE = "administration/tokens.html"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Of a cluster in a command: nothing that a shell or YAML reads as more."""
_ADVICE = (
    "It is shown this once. Run the commands where kubectl reaches the cluster "
    "{cluster}. The digger reads the Secret anew by itself. When its old token is no "
    "longer used, revoke that one."
)
_COMMAND = """\
kubectl create namespace vethscope --dry-run=client -o yaml | kubectl apply -f -
kubectl -n vethscope create secret generic cloud-token --dry-run=client -o yaml \\
  --from-file=token=/dev/stdin <<'END' | kubectl apply -f -
{token}
END
cat > kustomization.yaml <<'END'
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base]
components: [../../components/tls, ../../components/cloud-token]
configMapGenerator:
  - name: environment
    behavior: merge
    literals: [VETHSCOPE_CLUSTER_NAME={cluster}, VETHSCOPE_CLOUD_SERVER={server}:7083]
END
kubectl apply -k ."""


class TokenDesk:
    """Takes the forms of the tokens' page."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def read(self, asked: Asked) -> TokensReport:
        report = TokensReport([row(key) for key in self._doors.tokens.all()], [])
        known = {token.owner for token in report.tokens}
        found = asked.connection.scalars(sa.select(clusters.c.name))
        report.silent = sorted(set(found) - known)
        return report

    def create(self, sent: Sent) -> str:
        """Makes a token for a cluster: its first, or the one that follows."""
        cluster = sent.one("cluster", 253)
        if not _NAME.fullmatch(cluster):
            words = "a name has letters, digits, '.', '_' and '-', 100 at most"
            raise FieldError("cluster", words)
        try:
            token = self._doors.tokens.create(cluster, sent.visitor.name)
        except DoorError as error:
            raise FieldError("cluster", str(error)) from None
        secret = Secret(
            title=f"Token of {cluster}",
            text=token,
            advice=_ADVICE.format(cluster=cluster),
            command=_COMMAND.format(
                token=token, cluster=cluster, server=_host(self._doors.address)
            ),
            back=TOKENS,
        )
        return hand_over(self._doors, sent, secret)

    def revoke(self, sent: Sent) -> str:
        """Makes a token useless at once."""
        self._doors.tokens.revoke(sent.one("id"), sent.visitor.name)
        return TOKENS


def _host(address: str) -> str:
    """Where people open the dashboard is where clusters send to, as a rule."""
    return address.partition("://")[2].rpartition(":")[0] or address.partition("://")[2]
