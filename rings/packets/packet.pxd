cimport cython

from rings.packets.block cimport Block, Frame
from rings.memory cimport copy, equals, read_be16, read_be32
from rings.packets.tunnel cimport IP, MOST_LAYERS, Tunnel


cdef int SEGMENT, NOT_IP, NOT_TCP, FRAGMENT, MALFORMED, SAMPLE
cdef int FIN, SYN, RST, ACK
cdef int _LINK_NULL, _LINK_ETHERNET, _LINK_LOOP, _LINK_COOKED, _LINK_COOKED_2
cdef int _LINK_RAW_BSD, _LINK_RAW_OPENBSD, _LINK_RAW, _LINK_IPV4, _LINK_IPV6, _PROTOCOL_TCP, _NEXT_FRAGMENT
cdef int _PROTOCOL_AUTHENTICATION, _NEXT_AUTHENTICATION


cdef class Segment:
    cdef const unsigned char* data
    cdef Py_ssize_t cut, transport
    cdef int protocol, depth
    cdef Tunnel tunnel
    cdef public object fragments
    cdef bytes whole, memory
    cdef public bint has_bad_checksum
    cdef public bytes key, expected_key
    cdef public unsigned int sequence, acknowledgement, interface
    cdef public int flags
    cdef public Py_ssize_t payload_start, payload_end, missing
    cdef public int stands_for
    cdef public long long timestamp_ns

    @cython.locals(start=Py_ssize_t, end=Py_ssize_t, kind=int)
    cpdef int decode(self, Block block, Frame frame) except -1

    @cython.locals(made=Segment)
    cpdef Segment opening(self)

    @cython.locals(tunnel=Tunnel)
    cdef int _descend_from_ip(self, int kind, Py_ssize_t end) except -1

    @cython.locals(tunnel=Tunnel, layer=int)
    cdef int _descend(self, int kind, Py_ssize_t end) except -1

    @cython.locals(kind=int)
    cdef int _enter_ip(self, Py_ssize_t start, Py_ssize_t end) except -1

    @cython.locals(version=int)
    cdef int _decode_ip(self, Py_ssize_t start, Py_ssize_t end) except -1

    @cython.locals(start=Py_ssize_t, end=Py_ssize_t, kind="unsigned int")
    cdef Py_ssize_t _skip_link(self, Frame frame) except -2

    @cython.locals(kind="unsigned int")
    cdef Py_ssize_t _skip_vlan(self, Py_ssize_t start, Py_ssize_t end) except -2

    @cython.locals(data="const unsigned char*", header=int, length=Py_ssize_t)
    cdef int _decode_ipv4(self, Py_ssize_t start, Py_ssize_t end) except -1

    @cython.locals(data="const unsigned char*", length=Py_ssize_t, protocol=int,
                   header=Py_ssize_t, size=int)
    cdef int _decode_ipv6(self, Py_ssize_t start, Py_ssize_t end) except -1

    @cython.locals(data="const unsigned char*", header=Py_ssize_t)
    cdef int _skip_authentication(self, Py_ssize_t start, Py_ssize_t end,
                                  Py_ssize_t stop) except -1

    @cython.locals(data="const unsigned char*", word="unsigned int", first=bytearray)
    cdef int _hold_ipv4(self, Py_ssize_t start, Py_ssize_t end,
                        Py_ssize_t header) except -1

    @cython.locals(data="const unsigned char*", word="unsigned int", first=bytearray)
    cdef int _hold_ipv6(self, Py_ssize_t start, Py_ssize_t header,
                        Py_ssize_t end) except -1

    @cython.locals(data="const unsigned char*", header=int)
    cdef int _decode_tcp(self, Py_ssize_t start, Py_ssize_t end, Py_ssize_t stop,
                         Py_ssize_t addresses, Py_ssize_t addresses_end) except -1

    @cython.locals(size=Py_ssize_t, place=Py_ssize_t)
    cdef int _measure(self, Py_ssize_t start, Py_ssize_t end, Py_ssize_t stop) except -1


@cython.locals(total="unsigned long long", position=Py_ssize_t)
cdef bint _is_checked(const unsigned char* data, Py_ssize_t addresses,
                      Py_ssize_t addresses_end, Py_ssize_t start,
                      Py_ssize_t stop) except -1
cdef bint _is_extension(int protocol) noexcept
cdef bint _is_ip(unsigned int ethertype) noexcept
cdef bint _is_tag(unsigned int ethertype) noexcept
