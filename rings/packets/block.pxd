cimport cython

from rings.memory cimport prefetch, read_be16, read_be32, read_le16, read_le32


cdef unsigned int _ARPHRD_NONE, _ARPHRD_RAWIP, _TPACKET_HEADER_BYTES, _PCAP_HEADER_BYTES
cdef unsigned int _SECTION_HEADER, _INTERFACE_DESCRIPTION, _PACKET, _SIMPLE_PACKET
cdef unsigned int _ENHANCED_PACKET, _BYTE_ORDER_MAGIC, _MAX_FRAME_BYTES


cdef class Frame:
    cdef public Py_ssize_t start, captured, length
    cdef public long long timestamp_ns
    cdef public unsigned int interface
    cdef public int link


cdef class Layout:
    cdef public int kind, link
    cdef public unsigned int interface
    cdef public bint big_endian, nanoseconds
    cdef public list links, snap_lengths, ticks_per_second, offsets_seconds


cdef class Block:
    cdef const unsigned char[::1] view
    cdef const unsigned char* data
    cdef public Layout layout
    cdef public Py_ssize_t position, end
    cdef Py_ssize_t frames_left

    cpdef bint next(self, Frame frame) except -1

    @cython.locals(data="const unsigned char*", start=Py_ssize_t, address=Py_ssize_t,
                   kind="unsigned int")
    cdef bint _next_of_ring(self, Frame frame) except -1

    @cython.locals(start=Py_ssize_t, captured="unsigned int", fraction="long long")
    cdef bint _next_of_pcap(self, Frame frame) except -1

    @cython.locals(start=Py_ssize_t, kind="unsigned int", length="unsigned int")
    cdef bint _next_of_pcapng(self, Frame frame) except -1

    cdef unsigned int _read16(self, Py_ssize_t position) noexcept
    cdef unsigned int _read32(self, Py_ssize_t position) noexcept
