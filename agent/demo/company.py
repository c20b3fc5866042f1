"""The demo's company: which pods run, and who is outside.

Names, owners and images are what a manifest says; `cluster.py` makes Kubernetes objects
of them, `calls.py` says who asks whom.
"""

from typing import NamedTuple


class Pod(NamedTuple):
    """A pod of a workload; it has a network namespace of its own."""

    workload: str
    namespace: str
    owner: str
    part_of: str
    version: str
    kind: str = "Deployment"
    tier: str = "backend"


PODS = {
    "gateway": Pod("gateway", "platform", "team-edge", "platform", "3.1.0"),
    "auth": Pod("auth", "platform", "team-edge", "platform", "1.9.2"),
    "storefront": Pod(
        *("storefront", "shop", "team-shop", "shop", "5.0.3"), tier="frontend"
    ),
    "catalogue": Pod("catalogue", "shop", "team-shop", "shop", "2.2.0"),
    "customers": Pod("customers", "shop", "team-shop", "shop", "4.7.1"),
    "orders": Pod("orders", "shop", "team-orders", "shop", "2.4.0"),
    "orders-next": Pod("orders", "shop", "team-orders", "shop", "2.5.0"),
    "payments-api": Pod(
        *("payments-api", "payments", "team-payments", "payments", "8.3.0")
    ),
    "ledger": Pod(
        *("ledger", "payments", "team-payments", "payments", "1.0.17"),
        kind="StatefulSet",
        tier="storage",
    ),
    "hr": Pod("hr", "people", "team-people", "people", "0.14.0"),
    "payroll": Pod("payroll", "people", "team-people", "people", "1.2.6"),
    "clinic": Pod("clinic", "health", "team-health", "health", "1.3.0"),
    "nightly-report": Pod(
        *("nightly-report", "jobs", "team-data", "reports", "0.3.1"), kind="CronJob"
    ),
}
"""By the name that the demo has for each."""
ROLL_OUT = {"orders": "orders-next"}
"""Which pod takes the place of which, while the demo runs."""
CLIENTS_ONLY = ("nightly-report",)

HOST = "shop.example"
"""Under which the company is reached from outside, through its ingress."""
PROCESSOR = "payments.example"
"""Who charges cards for the company, outside of it."""
MAILER = "mail.example"
"""Whom only a new version asks."""
OUTSIDE = (PROCESSOR, MAILER, "shopper", "crawler", "office")
"""Who is outside; the first two are asked, the others ask."""
OFFICE = "office"
"""Whose range of addresses has a name."""
