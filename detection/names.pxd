cimport cython

from detection.fields cimport Field


cdef int _KEY_LIMIT
cdef Py_ssize_t _BEARER_SIZE, _ENDING_SIZE, _PART_SIZE
cdef bytes _BEARER_STARTS


@cython.locals(key=bytes, name=bytes)
cdef bint _is_naming(bytes key, bytes name) except -1


cdef class Bearer:
    cdef Field field
    cdef Py_ssize_t key_start, key_end, start, close
    cdef int kind
    cdef bint is_cut


cdef class Names:
    cdef object _tells
    cdef list _names, _bearers, _columns
    cdef bytearray _is_lent, _is_system
    cdef Py_ssize_t count, tables

    cdef object start(self)
    @cython.locals(name=bytes)
    cdef object open(self, int depth, bint is_lent=*)
    @cython.locals(columns=dict)
    cdef object close(self, int depth)
    cdef int part(self, const unsigned char* text, Py_ssize_t start,
                  Py_ssize_t end) except -1
    @cython.locals(columns=dict)
    cdef object add_column(self, int depth, Py_ssize_t position, bytes name)
    cdef object add_heading(self, int depth, Py_ssize_t position, bytes name)
    cdef object foretell(self, int depth, dict columns)
    cdef dict columns(self, int depth)
    @cython.locals(size=Py_ssize_t)
    cdef bint is_bearer(self, const unsigned char* text, Py_ssize_t start,
                        Py_ssize_t end) except -1
    cdef bint is_code(self, int depth, bytes key) except -1
    cdef bint is_named(self, int depth) except -1
    cdef bint is_column(self, bytes key) except -1
    cdef bint is_changed(self, bytes key) except -1
    @cython.locals(name=bytes)
    cdef bytes name(self, int depth, bytes above)
    cdef object wait(self, int depth, Bearer bearer)
    cdef Bearer take(self, int depth, bytes key, bytes name)
    cdef bint _is_name(self, bytes name) except -1
