cimport cython

from detection.fields cimport Place


cdef int _KEY_LIMIT
cdef bytes _RESOURCE


cdef class Container:
    cdef Container outer
    cdef Place place
    cdef Py_ssize_t key_start, key_end, serial, opened, type_start, type_end
    cdef Py_ssize_t elements
    cdef int table
    cdef bint is_array, is_bearer, is_headed, is_told, is_unnamed

    cdef bytes key(self, const unsigned char* data)


cdef class Containers:
    cdef Container inside
    cdef int depth, told, typed
    cdef Py_ssize_t made
    cdef int _limit
    cdef Py_ssize_t _excess, _serial
    cdef list _all

    cdef object start(self, Place root, Py_ssize_t position)
    @cython.locals(outer=Container, inside=Container)
    cdef bint open(self, bint is_array, Py_ssize_t key_start, Py_ssize_t key_end,
                   bint is_told, Py_ssize_t position) except -1
    cdef bint close(self) except -1
    @cython.locals(inside=Container)
    cdef object type(self, Py_ssize_t start, Py_ssize_t close)
    @cython.locals(container=Container)
    cdef Container nearest_object(self)
    @cython.locals(container=Container)
    cdef bytes key(self, const unsigned char* data)
    @cython.locals(container=Container)
    cdef bytes element_key(self, const unsigned char* data)
    cdef Place place(self, const unsigned char* data)
    @cython.locals(place=Place, parent=Place, key=bytes, inner=dict)
    cdef Place _place(self, Container container, const unsigned char* data)
    @cython.locals(typed=Place, name=bytes)
    cdef Place _typed(self, Place place, Container container, const unsigned char* data)
