cimport cython

from rings.http2.protocol cimport is_preface, is_settings
from rings.memory cimport begins, copy, find_byte, read_be16, starts_with


cdef int UNKNOWN, REQUEST, RESPONSE
cdef int MAYBE_HTTP, NOT_HTTP, TLS, HTTP2
cdef object METHODS
cdef int METHOD_LIMIT, _LF, _CR, _SPACE, _TAB, _TLS_RECORD_BYTES


@cython.locals(stop=Py_ssize_t, space=Py_ssize_t, position=Py_ssize_t)
cdef int starting_role(const unsigned char* data, Py_ssize_t start,
                       Py_ssize_t end) except -1
@cython.locals(role=int)
cdef int proven_role(const unsigned char* data, Py_ssize_t start,
                     Py_ssize_t end) except -1
cdef bytes method_at(const unsigned char* data, Py_ssize_t start, Py_ssize_t end)
@cython.locals(known="bint")
cdef bint prefers_own(bytes line, bytes own) except -1
@cython.locals(space=Py_ssize_t, place=Py_ssize_t)
cdef bint may_begin(const unsigned char* data, Py_ssize_t start, Py_ssize_t end,
                    int role) except -1
cdef int foreign(const unsigned char* data, Py_ssize_t start, Py_ssize_t end,
                 int role) except -1
cdef bint is_tls(const unsigned char* data, Py_ssize_t start, Py_ssize_t end) noexcept
cdef bint is_tls_record(const unsigned char* data, Py_ssize_t start,
                        Py_ssize_t end) noexcept
@cython.locals(position=Py_ssize_t, octet=int, role=int)
cdef int _foreign_request(const unsigned char* data, Py_ssize_t start,
                          Py_ssize_t end) except -1
cdef Py_ssize_t trimmed(const unsigned char* data, Py_ssize_t start,
                        Py_ssize_t end) noexcept
cdef bint is_token(int octet) noexcept
