cimport cython

from rings.memory cimport copy, equals, equals_folded, find_byte, starts_with
from rings.pairs.message cimport Message
from rings.http1.protocol cimport trimmed


cdef int JSON, GENERIC
cdef long long LENGTH_ABSENT, LENGTH_BAD, _LENGTH_LIMIT
cdef int _LF, _CR, _SPACE, _TAB, _COLON, _COMMA, _C, _T


cdef class Fields:
    cdef public long long length
    cdef public bint is_chunked, is_transfer_coded
    cdef public int kind
    cdef bytes _value
    cdef int _kind
    cdef Py_ssize_t _start, _end

    @cython.locals(data="const unsigned char*", end=Py_ssize_t, stop=Py_ssize_t,
                   start=Py_ssize_t)
    cdef bint read(self, bytes head, Message message) except -1
    @cython.locals(space=Py_ssize_t, last=Py_ssize_t)
    cdef bint _read_request_line(self, const unsigned char* data, Py_ssize_t end,
                                 Message message) except -1
    @cython.locals(space=Py_ssize_t, status=int, position=Py_ssize_t)
    cdef bint _read_status_line(self, const unsigned char* data, Py_ssize_t end,
                                Message message) except -1
    @cython.locals(colon=Py_ssize_t, name=Py_ssize_t, size=Py_ssize_t,
                   value=Py_ssize_t)
    cdef object _read_line(self, const unsigned char* data, Py_ssize_t start,
                           Py_ssize_t end, Message message)
    cdef object _read_coding_line(self, const unsigned char* data, Py_ssize_t start,
                                  Py_ssize_t name, Py_ssize_t value, Py_ssize_t end,
                                  Message message)
    @cython.locals(length="long long", digits=int, position=Py_ssize_t, octet=int,
                   known="long long", is_over="bint")
    cdef object _read_length(self, const unsigned char* data, Py_ssize_t start,
                             Py_ssize_t end)
    cdef object _read_type(self, const unsigned char* data, Py_ssize_t start,
                           Py_ssize_t end, Message message)
    @cython.locals(last=Py_ssize_t)
    cdef object _read_codings(self, const unsigned char* data, Py_ssize_t start,
                              Py_ssize_t end)


@cython.locals(stop=Py_ssize_t, after=Py_ssize_t)
cdef Py_ssize_t find_head_end(const unsigned char* data, Py_ssize_t start,
                               Py_ssize_t end) noexcept
