"""What became of captured bytes, in plain words.

The interceptor counts every TCP payload byte under one reason. For a reader the reasons
fall into four groups, and some that say nothing about coverage. A reason unknown here
counts as missed, under its own name: coverage is never shown better than it is proven.
"""

from collections.abc import Mapping
from enum import Enum


class Group(Enum):
    """What a reason means for coverage."""

    CAPTURED = "captured"
    LEFT_OUT = "left_out"
    UNREADABLE = "unreadable"
    MISSED = "missed"
    ASIDE = "aside"
    """Seen twice or not decided yet: no part of the share."""


COUNTED = (Group.CAPTURED, Group.LEFT_OUT, Group.UNREADABLE, Group.MISSED)
"""The groups that make up the whole, in the order of display."""

GROUP_WORDS = {
    Group.CAPTURED: "read",
    Group.LEFT_OUT: "left out on purpose",
    Group.UNREADABLE: "not readable",
    Group.MISSED: "missed",
    Group.ASIDE: "not counted",
}

_BYTES = {
    "paired": (Group.CAPTURED, "requests with their responses, in JSON"),
    "not_json": (Group.LEFT_OUT, "HTTP without JSON: seen, but not looked into"),
    "shed": (Group.LEFT_OUT, "connections left out under overload (estimated)"),
    "sampled_out": (Group.LEFT_OUT, "pairs counted but not inspected (sampling)"),
    "tls": (Group.UNREADABLE, "encrypted connections (TLS)"),
    "http2": (Group.UNREADABLE, "HTTP/2 before, or after a loss until, it is proven"),
    "http2_frames": (Group.CAPTURED, "HTTP/2 frames that belong to no message"),
    "path_unknown": (
        Group.CAPTURED,
        "HTTP/2 requests with their responses, whose path was told before the capture",
    ),
    "not_http": (Group.UNREADABLE, "other protocols than HTTP"),
    "websocket": (Group.LEFT_OUT, "WebSockets: all but the texts that are JSON"),
    "tunnel": (Group.UNREADABLE, "tunnels, after the switch from HTTP"),
    "proxy_header": (
        Group.CAPTURED,
        "what a load balancer says of the client, before the first request (PROXY)",
    ),
    "unpaired": (Group.MISSED, "requests or responses whose other half was not seen"),
    "broken": (Group.MISSED, "messages that break the rules of HTTP or ended early"),
    "unsynchronized": (
        Group.MISSED,
        "middle of a connection, before a message start was proven",
    ),
    "untracked": (Group.MISSED, "connections that there was no room to follow"),
    "gap": (Group.MISSED, "bytes missing within a connection"),
    "ring_drop": (
        Group.MISSED,
        "dropped by the kernel, not read fast enough (estimated)",
    ),
    "left_at_stop": (
        Group.MISSED,
        "captured, but not read any more when capturing was stopped",
    ),
    "before_capture": (
        Group.MISSED,
        "passed a pod's interface before capturing there began (estimated)",
    ),
    "worker_lost": (Group.MISSED, "lost with a capture process (estimated)"),
    "truncated": (Group.MISSED, "ends of bodies longer than the limit"),
    "duplicate": (Group.ASIDE, "sent again by TCP, counted once"),
    "elsewhere": (Group.ASIDE, "reported where the other end was seen"),
    "in_flight": (Group.ASIDE, "still waiting for the rest of a message"),
}

_COUNTS = {
    "frames": "frames captured",
    "frames_left": "frames captured, but not read any more at the end",
    "not_ip": "frames that are not IP",
    "not_tcp": "packets that are not TCP",
    "fragments": "IP fragments that were not put together",
    "malformed": "packets that break their format",
    "cut_frames": "frames cut off by the capture",
    "segments": "TCP segments",
    "connections": "connections",
    "shed_segments": "TCP segments left out under overload (estimated)",
    "connections_shed": "connections given up under overload",
    "connections_evicted": "connections given up to make room",
    "memory_refusals": "times that the memory for waiting bytes was used up",
    "gaps": "gaps within connections",
    "gap_bytes": "bytes known to be missing",
    "bad_checksums": "packets with a wrong checksum (usual where the card computes it)",
    "datagrams_lost": "IP datagrams of which a fragment was missing",
    "payload_bytes": "bytes of TCP payload",
    "http2_connections": "HTTP/2 connections",
    "http2_losses": "times that an HTTP/2 connection was lost, until proven again",
    "http2_heads_unknown": "HTTP/2 heads with a field told before the capture",
    "http2_blocks_refused": "HTTP/2 heads that were too large or wrong",
    "http2_streams_refused": "HTTP/2 exchanges given up to make room",
    "http2_resets": "HTTP/2 streams that were reset",
    "http2_control_frames": "HTTP/2 frames of no message: settings, pings, windows",
    "http2_pushes": "HTTP/2 responses that were pushed",
    "http2_tunnels": "tunnels through HTTP/2",
    "websockets": "WebSockets that were opened",
    "coded_streams_left": "compressed streams that were read at their end only",
    "websocket_losses": "WebSockets that were not read to their end, after a loss",
    "paths_unknown": "pairs whose path was told before the capture",
    "ring_frames": "frames that the kernel handed over",
    "ring_drops": "frames dropped by the kernel",
    "ring_freezes": "times that the ring was full",
    "ring_losing_blocks": "blocks of the ring closed while frames were dropped",
    "interface_bytes": "bytes of all frames, by the interface's own count",
    "interface_packets": "packets of all kinds, by the interface's own count",
    "milliseconds": "milliseconds of capture, of all capture processes",
    "shed_milliseconds": "milliseconds of capture, times the share left out",
    "shed_more": "times that more connections were left out",
    "captured_host": "reports of a pod captured at its end in the host",
    "captured_inside": "reports of a pod captured inside its network namespace",
    "captured_loopback": "reports of a pod captured on its loopback, beside a proxy",
    "missed_no_budget": "minutes without capture: memory for rings inside is used up",
    "missed_no_right": "minutes without capture: no right to enter the pod's namespace",
    "missed_no_path": "minutes without capture: the pod's namespace cannot be entered",
    "missed_kernel_refused": "minutes without capture: the kernel refused a ring",
    "missed_namespace_gone": "minutes without capture: the namespace had ended",
    "blind_host_network": "minutes of pods on the node's network: not captured",
    "blind_sockmap": "minutes of pods whose sockets eBPF may join (sockmap), unseen",
    "worker_restarts": "restarts of a capture process",
    "kafka_queue_full": "pairs dropped because Kafka did not take them in time",
    "kafka_too_large": "pairs dropped because Kafka does not take their size",
    "kafka_delivery_failed": "pairs that Kafka refused",
    "kafka_not_delivered": "pairs given up because the node stopped without Kafka",
    "kafka_delivery_unknown": "pairs given up of which Kafka may have stored some",
    "sent_whole": "pairs sent with their bodies, to be inspected",
    "record_cut": "pairs whose bodies were cut to what Kafka takes",
    "sights_delayed": "pairs that were due with their bodies, beyond the budget for it",
    "expired": "messages that Kafka deleted before they were read",
    "undecodable": "messages that could not be decoded",
    "unknown_version": "messages of another version's format",
    "encrypted_unknown_key": "messages encrypted with a key that the digger lacks",
    "encrypted_altered": "encrypted messages that were altered or moved",
    "not_encrypted": "messages refused because they were not encrypted",
    "refused": "pairs of packages that broke this service's rules",
    "body_not_read": "bodies not inspected: their content coding cannot be undone",
    "not_inspected": "pairs whose inspection failed",
    "names_old": "pairs named while the cluster's API did not tell who is who",
    "finding_dropped": "findings beyond the limit of one message",
    "unpaired_no_response": "requests without a response",
    "unpaired_no_request": "responses without a request",
    "unpaired_ambiguous": "messages whose partner was not certain",
    "broken_messages": "messages that break the rules of HTTP",
    "proxy_headers": "connections whose client a load balancer told (PROXY protocol)",
    "bodies_truncated": "bodies longer than the limit",
    "pairs": "pairs with JSON",
    "pairs_not_json": "pairs without JSON",
}

_EXCHANGES = {
    Group.CAPTURED: ("pairs",),
    Group.LEFT_OUT: ("pairs_not_json",),
    Group.MISSED: (
        "unpaired_no_response",
        "unpaired_no_request",
        "unpaired_ambiguous",
        "broken_messages",
    ),
}

BLIND = (
    "missed_no_budget",
    "missed_no_right",
    "missed_no_path",
    "missed_kernel_refused",
    "missed_namespace_gone",
    "body_not_read",
    "not_inspected",
    "finding_dropped",
    "sights_delayed",
    "record_cut",
    "paths_unknown",
)
"""Counts of what was not looked at, beside those of bytes."""

_ADVICE = {
    "tls": "It cannot be read on the wire. Capture behind the proxy that ends TLS, or "
    "on the loopback of a mesh's pod.",
    "http2": "Usual at the start of a capture and after a loss: it ends as clients "
    "connect anew.",
    "paths_unknown": "They stand under an endpoint without a path until their clients "
    "connect anew.",
    "not_http": "Databases, queues and other protocols are counted, and not read.",
    "tunnel": "What follows the switch from HTTP is counted, and not read.",
    "not_json": "Types of content that are not JSON are not looked into.",
    "shed": "Raise capture.workers, or what the interceptor may take of these nodes.",
    "sampled_out": "Raise digger.inspect_per_second, if the detector has room.",
    "unpaired": "Usual at the start of a capture; if it lasts, look for packets that "
    "take another way than this node.",
    "broken": "Usual where clients give up early.",
    "unsynchronized": "Usual at the start of a capture: it ends with the connection.",
    "untracked": "Raise the room for connections of the interceptor.",
    "before_capture": "Pods that have just started: it ends within moments.",
    "left_at_stop": "It happens when an interceptor stops under load.",
    "gap": "Packets were lost before they were captured; compare with ring drops.",
    "ring_drop": "Raise capture.ring_bytes or capture.workers on these nodes.",
    "worker_lost": "A capture process ended: look at the interceptor's log.",
    "truncated": "Raise capture.body_bytes, if bodies are to be read to their ends.",
    "missed_no_budget": "Raise capture.inside_bytes.",
    "missed_no_right": "The interceptor lacks a right: see the installation's manual.",
    "missed_no_path": "Run the interceptor with the host's process ids.",
    "missed_kernel_refused": "Look at the interceptor's log for the kernel's words.",
    "body_not_read": "Their content coding is none that can be undone.",
    "not_inspected": "Look at the detector's log.",
    "sights_delayed": "Raise the budget for bodies, or wait: they come later.",
    "record_cut": "Raise the largest message that Kafka takes.",
}

LOST_RECORDS = (
    "expired",
    "kafka_queue_full",
    "kafka_too_large",
    "kafka_delivery_failed",
    "kafka_not_delivered",
    "kafka_delivery_unknown",
    "undecodable",
    "unknown_version",
    "encrypted_unknown_key",
    "encrypted_altered",
    "not_encrypted",
    "refused",
)
"""Counts of pairs that were captured, so their bytes are read, but never arrived; what
nobody knows to have arrived is among them."""
LOST_FRAMES = ("ring_drops",)
"""Counts of what nobody saw: the bytes in the bucket of the same name are estimated."""


def group(reason: str) -> Group:
    """What the bytes under `reason` mean for coverage."""
    return _BYTES[reason][0] if reason in _BYTES else Group.MISSED


def of(group: Group) -> list[str]:
    """The reasons known to belong to `group`."""
    return [reason for reason, (known, _) in _BYTES.items() if known is group]


def bytes_words(reason: str) -> str:
    """The reason of a byte bucket in plain words."""
    return _BYTES[reason][1] if reason in _BYTES else _spaced(reason)


def counts_words(reason: str) -> str:
    """What pieces are counted under `reason`, in plain words."""
    return _COUNTS.get(reason) or _spaced(reason)


def grouped(amounts: Mapping[str, int]) -> dict[str, int]:
    """Group → bytes, also those of which there are none."""
    groups = {one.value: 0 for one in Group}
    for reason, amount in amounts.items():
        groups[group(reason).value] += amount
    return groups


def captured_share(amounts: Mapping[str, int]) -> float | None:
    """Of all bytes but those aside; None: there are none."""
    groups = grouped(amounts)
    whole = sum(groups[one.value] for one in COUNTED)
    return groups[Group.CAPTURED.value] / whole if whole else None


def exchanges(counts: Mapping[str, int]) -> dict[str, int]:
    """Group → requests, responses or pairs of them; a pair that was read counts as
    such, whatever became of it later (LOST_RECORDS)."""
    return {
        one.value: sum(counts.get(reason, 0) for reason in of_group)
        for one, of_group in _EXCHANGES.items()
    }


def advice(reason: str) -> str:
    """What one can do about what is not seen for a reason; empty: nothing is known."""
    return _ADVICE.get(reason, "")


def _spaced(reason: str) -> str:
    return reason.replace("_", " ")
