"""Forms of a request target (RFC 9112 section 3.2), and dots in paths (RFC 3986)."""


def path_of(method: str, target: bytes) -> bytes | None:
    """The path of any target form; None for the authority form."""
    path = target.partition(b"?")[0].partition(b"#")[0]
    if path[:1] == b"/" or path == b"*":
        return path
    if method == "CONNECT":
        return None
    scheme, colon, rest = path.partition(b"://")
    if colon and scheme.isalpha():
        return b"/" + rest.partition(b"/")[2]
    host, colon, port = path.rpartition(b":")
    if colon and port.isdigit() and b"/" not in host:
        return None
    return b"/" + path


def without_dots(segments: list[bytes]) -> list[bytes]:
    """RFC 3986 section 5.2.4."""
    kept: list[bytes] = []
    for segment in segments:
        if segment == b"..":
            if kept:
                kept.pop()
        elif segment != b".":
            kept.append(segment)
    return kept
