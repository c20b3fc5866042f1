"""Flows from short lines, for graphs without a store."""

from cloud.pages.map.flows import Carried, Flow, Flows, Party
from cloud.store.windows import EXTERNAL

TYPES = {
    "card": ("financial.payment_card", 3),
    "token": ("credential.bearer_token", 3),
    "email": ("contact.email", 2),
    "city": ("contact.city", 1),
}


def flows(*lines: str) -> Flows:
    """`cluster/namespace/name cluster/namespace/name pairs type… <type…`; a name
    without slashes is outside, and a type after `<` stands in answers."""
    parties: dict[str, Party] = {}
    found = []
    for line in lines:
        client, server, pairs, *types = line.split()
        ends = [_party(parties, text) for text in (client, server)]
        carried = tuple(sorted(map(_carried, types), key=lambda t: -t.sensitivity))
        grave = max((one.sensitivity for one in carried), default=0)
        found.append(Flow(ends[0].id, ends[1].id, 1, int(pairs), grave, carried))
    return Flows({party.id: party for party in parties.values()}, found, len(found))


def _party(parties: dict[str, Party], text: str) -> Party:
    if text not in parties:
        names = text.split("/")
        number = len(parties) + 1
        if len(names) == 1:
            parties[text] = Party(number, "prod", "", EXTERNAL, text)
        else:
            cluster, namespace, name = names
            parties[text] = Party(number, cluster, namespace, "Deployment", name)
    return parties[text]


def _carried(text: str) -> Carried:
    name, level = TYPES[text.removeprefix("<")]
    return Carried(name, level, 10, 10 if text.startswith("<") else 0)
