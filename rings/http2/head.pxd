cimport cython

from rings.http2.lines cimport (
    AUTHORITY, CODING, METHOD, PATH, PROTOCOL, PSEUDO, SCHEME, STATUS, TYPE, UNKNOWN,
    Lines,
)
from rings.memory cimport copy, equals
from rings.pairs.message cimport Message


cdef int MALFORMED, _GENERIC
cdef bytes UNKNOWN_TARGET, _SPACE, _REQUEST_VERSION, _RESPONSE_VERSION, _UNKNOWN_STATUS
cdef bytes _CONNECT, _HEAD, _END
cdef Py_ssize_t _REQUEST_BYTES


# Final, so that its own methods are called without a table and can be inlined.
@cython.final
cdef class Head:
    cdef Lines fields
    cdef int seen, status
    cdef bint is_open
    cdef Py_ssize_t method_start, method_end, path_start, path_end
    cdef Py_ssize_t authority_start, authority_end, status_start
    cdef Py_ssize_t type_start, type_end, coding_start, coding_end
    cdef bytes typed
    cdef int kind
    cdef Py_ssize_t named_start, named_end

    @cython.locals(fields=Lines, place=Py_ssize_t, start=Py_ssize_t,
                   text="const unsigned char*")
    cdef int fill(self, Message message, Py_ssize_t unknown) except -2
    @cython.locals(fields=Lines, start=Py_ssize_t, end=Py_ssize_t)
    cdef bint _take(self, int kind) except -1
    @cython.locals(text="const unsigned char*")
    cdef bint _take_pseudo(self, int kind, Py_ssize_t start, Py_ssize_t end) except -1
    @cython.locals(fields=Lines, text="const unsigned char*", method=Py_ssize_t,
                   start=Py_ssize_t, end=Py_ssize_t, begun=Py_ssize_t)
    cdef Py_ssize_t _begin_request(self, Message message,
                                   Py_ssize_t unknown) except -2
    cdef bint _asks_tunnel(self, const unsigned char* text) except -1
    @cython.locals(fields=Lines, text="const unsigned char*")
    cdef Py_ssize_t _begin_response(self, Message message,
                                    Py_ssize_t unknown) except -2
    @cython.locals(text="const unsigned char*")
    cdef int _place(self, Message message, Py_ssize_t start) except -2


@cython.locals(place=Py_ssize_t, text="const unsigned char*",
               data="const unsigned char*")
cdef bint add_trailers(Lines fields, Message message) except -1
@cython.locals(place=Py_ssize_t, text="const unsigned char*")
cdef int status_of(Lines fields) except -1
@cython.locals(place=Py_ssize_t)
cdef bint is_request(Lines fields) except -1
@cython.locals(place=Py_ssize_t, status=int)
cdef int _status(const unsigned char* text, Py_ssize_t start, Py_ssize_t end) noexcept
