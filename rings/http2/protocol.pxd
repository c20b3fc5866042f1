cimport cython

from rings.memory cimport begins, read_be16, read_be32


cdef bytes PREFACE
cdef int HEADER_BYTES, _FRAME_BYTES
cdef int DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY
cdef int WINDOW_UPDATE, CONTINUATION
cdef int END_STREAM, END_HEADERS, PADDED, PRIORITIZED
cdef unsigned int USUAL_STREAM, _MOST_STREAM, _NEAR


cdef bint is_preface(const unsigned char* data, Py_ssize_t start,
                     Py_ssize_t end) except -1
cdef bint is_settings(const unsigned char* data, Py_ssize_t start,
                      Py_ssize_t end) except -1
@cython.locals(place=Py_ssize_t, frames=int, number="unsigned int")
cdef bint is_framed(const unsigned char* data, Py_ssize_t start,
                    Py_ssize_t end) except -1
cdef Py_ssize_t length_at(const unsigned char* data, Py_ssize_t start) noexcept
cdef unsigned int number_at(const unsigned char* data, Py_ssize_t start) noexcept
@cython.locals(kind=int, length=Py_ssize_t, stream="unsigned int", is_answer="bint",
               away="unsigned int")
cdef bint is_header(const unsigned char* data, Py_ssize_t start,
                    unsigned int known) except -1
@cython.locals(place=Py_ssize_t, flags=int, octet=int, index=int)
cdef int read_role(const unsigned char* data, Py_ssize_t start,
                   Py_ssize_t end) except -1
cdef bint breaks(int kind, Py_ssize_t length, unsigned int stream) noexcept
