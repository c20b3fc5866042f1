cimport cython

from detection.fields cimport Field


cdef int _KEY_LIMIT
cdef Py_ssize_t _BEARER_SIZE
cdef bytes _BEARER_STARTS


cdef class Bearer:
    cdef Field field
    cdef Py_ssize_t key_start, key_end, start, close
    cdef int kind
    cdef bint is_cut


cdef class Names:
    cdef object _tells
    cdef list _names, _bearers
    cdef Py_ssize_t count

    cdef object start(self)
    cdef object open(self, int depth)
    cdef object close(self, int depth)
    @cython.locals(size=Py_ssize_t)
    cdef bint is_bearer(self, const unsigned char* text, Py_ssize_t start,
                        Py_ssize_t end) except -1
    cdef bint is_named(self, int depth) except -1
    @cython.locals(name=bytes)
    cdef bytes name(self, int depth, bytes above)
    cdef object wait(self, int depth, Bearer bearer)
    cdef Bearer take(self, int depth, bytes key, bytes name)
    cdef bint _is_name(self, bytes name) except -1
