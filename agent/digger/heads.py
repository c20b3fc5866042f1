"""What the digger needs of an HTTP/1 message head, as captured.

In: the raw bytes of a start line and field lines (RFC 9112 sections 3 to 5). Out: the
few values asked for. Rubbish gives empty values, never an exception.
"""

METHODS = frozenset(
    b"GET HEAD POST PUT PATCH DELETE OPTIONS CONNECT TRACE QUERY".split()
)
"""RFC 9110 section 9, RFC 5789 and QUERY; any other token is reported as OTHER."""
