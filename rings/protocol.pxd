cimport cython

from rings.memory cimport begins, find_byte, starts_with


cdef int UNKNOWN, REQUEST, RESPONSE
cdef int MAYBE_HTTP, NOT_HTTP, TLS, HTTP2
cdef int METHOD_LIMIT, _LF, _CR, _SPACE, _TAB


@cython.locals(stop=Py_ssize_t, space=Py_ssize_t, position=Py_ssize_t)
cdef int starting_role(const unsigned char* data, Py_ssize_t start,
                       Py_ssize_t end) except -1
@cython.locals(fits="bint")
cdef int foreign(const unsigned char* data, Py_ssize_t start, Py_ssize_t end,
                 int role) except -1
cdef bint is_tls(const unsigned char* data, Py_ssize_t start, Py_ssize_t end) noexcept
@cython.locals(position=Py_ssize_t, octet=int, role=int)
cdef int _foreign_request(const unsigned char* data, Py_ssize_t start,
                          Py_ssize_t end) except -1
cdef Py_ssize_t trimmed(const unsigned char* data, Py_ssize_t start,
                        Py_ssize_t end) noexcept
cdef bint is_token(int octet) noexcept
