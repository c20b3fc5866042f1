cimport cython

from rings.memory cimport read_be16, read_be32, read_le16, read_le32


cdef int NOTHING, IP, FRAME, TYPE, LLC, WLAN, PPP, HDLC, MPLS, GRE, UDP, LINK
cdef int MOST_LAYERS, _TRANSPARENT


cdef class Tunnel:
    cdef public int layer, link
    cdef public Py_ssize_t start

    cpdef object enter_link(self, int link, Py_ssize_t start)
    cpdef object enter_protocol(self, int protocol, Py_ssize_t start)
    @cython.locals(layer=int)
    cdef bint descend(self, const unsigned char* data, Py_ssize_t end) except -1
    cdef bint _enter(self, int layer, Py_ssize_t size) except -1
    cdef bint _skip_type(self, const unsigned char* data, Py_ssize_t end) except -1
    cdef bint _enter_named(self, unsigned int kind, const unsigned char* data,
                           Py_ssize_t end) except -1
    cdef bint _enter_type(self, unsigned int kind) except -1
    @cython.locals(size=Py_ssize_t, kind=int)
    cdef bint _skip_nsh(self, const unsigned char* data, Py_ssize_t end) except -1
    @cython.locals(start=Py_ssize_t)
    cdef bint _skip_llc(self, const unsigned char* data, Py_ssize_t end) except -1
    @cython.locals(start=Py_ssize_t, version=int)
    cdef bint _skip_mpls(self, const unsigned char* data, Py_ssize_t end) except -1
    @cython.locals(kind=int)
    cdef bint _skip_ppp(self, const unsigned char* data) except -1
    @cython.locals(control=int, flags=int, size=Py_ssize_t)
    cdef bint _skip_wlan(self, const unsigned char* data) except -1
    @cython.locals(flags="unsigned int", kind="unsigned int", flag="unsigned int")
    cdef bint _skip_gre(self, const unsigned char* data, Py_ssize_t end) except -1
    @cython.locals(one="unsigned int", other="unsigned int", start=Py_ssize_t)
    cdef bint _skip_udp(self, const unsigned char* data, Py_ssize_t end) except -1
    @cython.locals(kind="unsigned int", signature=Py_ssize_t)
    cdef bint _enter_port(self, const unsigned char* data, Py_ssize_t end,
                          unsigned int port) except -1
    @cython.locals(start=Py_ssize_t, has_more=int)
    cdef bint _skip_gtp(self, const unsigned char* data, Py_ssize_t end) except -1
    @cython.locals(start=Py_ssize_t)
    cdef bint _skip_teredo(self, const unsigned char* data, Py_ssize_t end) except -1
    @cython.locals(flags="unsigned int", size=Py_ssize_t)
    cdef bint _skip_l2tp(self, const unsigned char* data) except -1
    @cython.locals(kind="unsigned int", start=Py_ssize_t)
    cdef bint _skip_tzsp(self, const unsigned char* data, Py_ssize_t end) except -1
    @cython.locals(link=int, start=Py_ssize_t, kind="unsigned int", size=Py_ssize_t)
    cdef bint _skip_link(self, const unsigned char* data, Py_ssize_t end) except -1
    cdef bint _skip_frame_relay(self, const unsigned char* data,
                                Py_ssize_t end) except -1
    @cython.locals(start=Py_ssize_t, size=Py_ssize_t)
    cdef bint _skip_nflog(self, const unsigned char* data, Py_ssize_t end) except -1
