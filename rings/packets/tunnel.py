# cython: annotation_typing=False
"""Tunnels: from the outer headers of a captured frame to the IP packet inside.

In come bytes and what they begin with, out goes what follows that header and where.
Only for capture files: live interfaces carry plain Ethernet or IP. Each header is
taken for what its link type, EtherType, protocol number or registered UDP port says,
never by guessing, but for MPLS, which does not name its content (RFC 4928 section 3).

Link layers: 802.3 with LLC and SNAP, 802.11 with radiotap, Prism, AVS or PPI before
it, PPP, Cisco HDLC, Frame Relay, FDDI, token ring, NFLOG, PFLOG. Between: VLAN tags,
VN-Tag, HSR, 802.1ah, FabricPath, NSH, PPPoE, MPLS. Over IP: IP, GRE with ERSPAN,
EtherIP, and over UDP VXLAN, Geneve, GTP-U, Teredo, AYIYA, L2TP, GRE, MPLS, TZSP.
"""

import cython

from rings.memory import Octets

if not cython.compiled:
    from rings.memory import read_be16, read_be32, read_le16, read_le32

NOTHING = 0
IP = 1
FRAME = 2
"""An Ethernet frame."""
TYPE = 3
"""An EtherType and what it names."""
LLC = 4
WLAN = 5
PPP = 6
HDLC = 7
MPLS = 8
GRE = 9
UDP = 10
LINK = 11
"""A frame of the link type in `link`."""

MOST_LAYERS = 24
"""Headers undone in one frame; more are an attack on the reader."""

_TRANSPARENT = 0x6558

_LINKS = {
    1: (FRAME, 0),
    6: (LLC, 14),
    9: (PPP, 0),
    10: (LLC, 13),
    50: (PPP, 0),
    51: (PPP, 6),
    104: (HDLC, 0),
    105: (WLAN, 0),
    119: (WLAN, 144),
    163: (WLAN, 64),
}
"""What follows a link type's header of constant size."""


class Tunnel:
    """Where in a frame the reader stands: at `start`, before a `layer`."""

    def __init__(self) -> None:
        self.layer = NOTHING
        self.start = 0
        self.link = 0

    def enter_link(self, link: int, start: int) -> None:
        self.layer = LINK
        self.link = link
        self.start = start

    def enter_protocol(self, protocol: int, start: int) -> None:
        """What IP carries by this protocol number."""
        self.start = start
        if protocol in (4, 41):
            self.layer = IP
        elif protocol == 47:
            self.layer = GRE
        elif protocol == 17:
            self.layer = UDP
        elif protocol == 137:
            self.layer = MPLS
        elif protocol == 97:
            self.layer = FRAME
            self.start = start + 2
        else:
            self.layer = NOTHING

    def descend(self, data: Octets, end: int) -> bool:
        """Goes over the header at `start`; false if nothing known follows."""
        layer = self.layer
        if layer == NOTHING or end - self.start < 4:
            return False
        if layer == TYPE:
            return self._skip_type(data, end)
        if layer == FRAME:
            return self._enter(TYPE, 12)
        if layer == LLC:
            return self._skip_llc(data, end)
        if layer == UDP:
            return self._skip_udp(data, end)
        if layer == GRE:
            return self._skip_gre(data, end)
        if layer == MPLS:
            return self._skip_mpls(data, end)
        if layer == PPP:
            return self._skip_ppp(data)
        if layer == WLAN:
            return self._skip_wlan(data)
        if layer == HDLC:
            return self._enter(TYPE, 2)
        return self._skip_link(data, end)

    def _enter(self, layer: int, size: int) -> bool:
        self.layer = layer
        self.start += size
        return True

    def _skip_type(self, data: Octets, end: int) -> bool:
        self.start += 2
        return self._enter_named(read_be16(data, self.start - 2), data, end)

    def _enter_named(self, kind: int, data: Octets, end: int) -> bool:
        """What an EtherType says, or a length in its place."""
        if kind <= 1500:
            return self._enter(LLC, 0)
        if kind in (0x8100, 0x88A8, 0x9100, 0x9200):
            return self._enter(TYPE, 2)
        if kind in (0x8926, 0x892F):
            return self._enter(TYPE, 4)
        if kind == 0x88E7:
            return self._enter(FRAME, 4)
        if kind == 0x8903:
            return self._enter(FRAME, 2)
        if kind == 0x8864:
            return self._enter(PPP, 6)
        if kind == 0x894F:
            return self._skip_nsh(data, end)
        return self._enter_type(kind)

    def _enter_type(self, kind: int) -> bool:
        """What an EtherType before this place names."""
        if kind in (0x0800, 0x86DD):
            return self._enter(IP, 0)
        if kind in (0x8847, 0x8848):
            return self._enter(MPLS, 0)
        if kind == _TRANSPARENT:
            return self._enter(FRAME, 0)
        if kind == 0x880B:
            return self._enter(PPP, 0)
        self.layer = NOTHING
        return False

    def _skip_nsh(self, data: Octets, end: int) -> bool:
        """RFC 8300 section 2.2."""
        if end - self.start < 8:
            return False
        size = (data[self.start + 1] & 63) * 4
        kind = data[self.start + 3]
        if kind == 5:
            return self._enter(MPLS, size)
        if kind == 3:
            return self._enter(FRAME, size)
        return self._enter(IP, size) if kind in (1, 2) else False

    def _skip_llc(self, data: Octets, end: int) -> bool:
        """IEEE 802.2, and RFC 1042 for SNAP."""
        start = self.start
        if data[start] == 0xAA and end - start >= 8:
            return self._enter(TYPE, 6)
        return self._enter(IP, 3) if data[start] == 6 else False

    def _skip_mpls(self, data: Octets, end: int) -> bool:
        """Labels (RFC 3032), then IP, or Ethernet with a control word or without."""
        start = self.start
        while end - start > 4 and not data[start + 2] & 1:
            start += 4
        self.start = start + 4
        if end <= self.start:
            return False
        version = data[self.start] >> 4
        if version in (4, 6):
            return self._enter(IP, 0)
        return self._enter(FRAME, 0 if version else 4)

    def _skip_ppp(self, data: Octets) -> bool:
        """RFC 1661 section 2, with the compressions of sections 6.5 and 6.6."""
        if read_be16(data, self.start) == 0xFF03:
            self.start += 2
        kind = int(data[self.start])
        self.start += 1
        if not kind & 1:
            kind = kind << 8 | data[self.start]
            self.start += 1
        if kind in (0x21, 0x57):
            return self._enter(IP, 0)
        return self._enter(MPLS, 0) if kind in (0x281, 0x283) else False

    def _skip_wlan(self, data: Octets) -> bool:
        """IEEE 802.11: data frames that are not encrypted."""
        control, flags = data[self.start], data[self.start + 1]
        if control & 0x4C != 0x08 or flags & 0x40:
            return False
        size = 30 if flags & 3 == 3 else 24
        if control & 0x80:
            size += 6 if flags & 0x80 else 2
        return self._enter(LLC, size)

    def _skip_gre(self, data: Octets, end: int) -> bool:
        """RFC 2784, 2890 and 2637; ERSPAN by draft-foschiano-erspan."""
        flags = read_be16(data, self.start)
        kind = read_be16(data, self.start + 2)
        self.start += 4
        for flag in (0xC000, 0x2000, 0x1000):
            if flags & flag:
                self.start += 4
        if flags & 7 == 1 and flags & 0x80:
            self.start += 4
        if kind == 0x88BE:
            return self._enter(FRAME, 8 if flags & 0x1000 else 0)
        if kind == 0x22EB and end - self.start >= 12:
            return self._enter(FRAME, 20 if data[self.start + 11] & 1 else 12)
        if kind == 0 or kind >= 0x9000 or kind & 0xFF0F in (0x8200, 0x8300):
            return self._enter(WLAN, 0)
        return self._enter_type(kind)

    def _skip_udp(self, data: Octets, end: int) -> bool:
        if end - self.start < 16:
            return False
        one, other = read_be16(data, self.start), read_be16(data, self.start + 2)
        self.start += 8
        start = self.start
        if self._enter_port(data, end, other):
            return True
        self.start = start
        return self._enter_port(data, end, one)

    def _enter_port(self, data: Octets, end: int, port: int) -> bool:
        if port in (4789, 8472):
            return self._enter(FRAME, 8) if data[self.start] & 8 else False
        if port == 4790:
            kind = data[self.start + 3]
            return self._enter(FRAME if kind == 3 else IP, 8)
        if port == 6081:
            kind = read_be16(data, self.start + 2)
            self.start += 8 + (data[self.start] & 63) * 4
            return self._enter_type(kind)
        if port == 2152:
            return self._skip_gtp(data, end)
        if port == 3544:
            return self._skip_teredo(data, end)
        if port == 5072:
            signature = (data[self.start + 1] >> 4) * 4
            return self._enter(IP, 8 + (1 << (data[self.start] >> 4)) + signature)
        if port == 1701:
            return self._skip_l2tp(data)
        if port == 37008:
            return self._skip_tzsp(data, end)
        if port == 4754:
            return self._enter(GRE, 0)
        return self._enter(MPLS, 0) if port == 6635 else False

    def _skip_gtp(self, data: Octets, end: int) -> bool:
        """3GPP TS 29.281 section 5: G-PDUs, with extension headers."""
        start = self.start
        if data[start] & 0xF0 != 0x30 or data[start + 1] != 255:
            return False
        if not data[start] & 7:
            return self._enter(IP, 8)
        has_more = data[start] & 4
        start += 12
        while has_more and start < end and data[start - 1]:
            start += max(1, data[start]) * 4
        self.start = start
        return self._enter(IP, 0)

    def _skip_teredo(self, data: Octets, end: int) -> bool:
        """RFC 4380 section 5.1.1: indications of authentication and origin."""
        start = self.start
        if read_be16(data, start) == 1:
            start += 13 + data[start + 2] + data[start + 3]
        if end - start >= 8 and read_be16(data, start) == 0:
            start += 8
        self.start = start
        return self._enter(IP, 0)

    def _skip_l2tp(self, data: Octets) -> bool:
        """RFC 2661 section 3.1: data messages."""
        flags = read_be16(data, self.start)
        if flags & 0x8000 or flags & 15 != 2:
            return False
        size = 6
        if flags & 0x4000:
            size += 2
        if flags & 0x0800:
            size += 4
        if flags & 0x0200:
            return False
        return self._enter(PPP, size)

    def _skip_tzsp(self, data: Octets, end: int) -> bool:
        kind = read_be16(data, self.start + 2)
        start = self.start + 4
        while end - start >= 2 and data[start] != 1:
            start += 2 + data[start + 1] if data[start] else 1
        self.start = start + 1
        if kind == 1:
            return self._enter(FRAME, 0)
        return self._enter(WLAN, 0) if kind == 18 else False

    def _skip_link(self, data: Octets, end: int) -> bool:
        """Link types of https://www.tcpdump.org/linktypes.html."""
        link, start = self.link, self.start
        if link in _LINKS:
            layer, size = _LINKS[link]
            return self._enter(layer, size)
        if link == 113:
            kind = read_be16(data, start + 14) if end - start >= 16 else 0
            return self._enter(LLC, 16) if kind == 4 else self._enter(TYPE, 14)
        if link == 276 and end - start >= 20:
            self.start += 20
            return self._enter_named(read_be16(data, start), data, end)
        if link == 127:
            return self._enter(WLAN, read_le16(data, start + 2))
        if link == 117:
            return self._enter(IP, (data[start] + 3) // 4 * 4)
        if link == 107:
            return self._skip_frame_relay(data, end)
        if link == 239:
            return self._skip_nflog(data, end)
        if link == 192 and end - start >= 8:
            size = read_le16(data, start + 2)
            self.enter_link(read_le32(data, start + 4), start + size)
            return True
        return False

    def _skip_frame_relay(self, data: Octets, end: int) -> bool:
        """RFC 2427 section 4."""
        if read_be16(data, self.start + 2) in (0x03CC, 0x038E):
            return self._enter(IP, 4)
        if end - self.start < 6:
            return False
        is_snap = read_be32(data, self.start + 2) == 0x03008000
        return self._enter(TYPE, 8) if is_snap else False

    def _skip_nflog(self, data: Octets, end: int) -> bool:
        start = self.start + 4
        while end - start >= 4:
            size = read_le16(data, start)
            if read_le16(data, start + 2) == 9:
                self.start = start
                return self._enter(IP, 4)
            start += max(4, (size + 3) // 4 * 4)
        return False
