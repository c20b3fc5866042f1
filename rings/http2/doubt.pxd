cimport cython

from rings.http2.protocol cimport (
    HEADER_BYTES, HEADERS, is_header, length_at, number_at, read_role,
)
from rings.limits cimport Budget
from rings.memory cimport append
from rings.stats cimport Stats


cdef int PROVING_FRAMES
cdef Py_ssize_t _HELD_BYTES


@cython.final
cdef class Doubt:
    cdef Stats stats
    cdef Budget budget
    cdef bytearray held
    cdef Py_ssize_t next, lead
    cdef int frames, role
    cdef unsigned int number
    cdef long long first_ns

    cdef object feed(self, const unsigned char* data, Py_ssize_t start, Py_ssize_t end,
                     bint is_beginning, long long now_ns)
    @cython.locals(size=Py_ssize_t, had=Py_ssize_t)
    cdef object _begin_anew(self, const unsigned char* data, Py_ssize_t start,
                            Py_ssize_t end, bint is_beginning, long long now_ns)
    cdef bint is_proven(self) except -1
    @cython.locals(held=bytearray)
    cdef bytearray taken(self)
    cdef object reset(self)
    @cython.locals(held=bytearray, data="const unsigned char*", size=Py_ssize_t)
    cdef bint _goes_on(self) except -1
    cdef bint _is_over(self) except -1
    @cython.locals(size=Py_ssize_t)
    cdef object _shorten(self)
    cdef object _let_go(self, long long size)
