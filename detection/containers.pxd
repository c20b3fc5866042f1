cimport cython

from detection.fields cimport Place


cdef int _KEY_LIMIT


cdef class Container:
    cdef Container outer
    cdef Place place
    cdef Py_ssize_t key_start, key_end, serial, opened
    cdef bint is_array, is_told

    cdef bytes key(self, bytes data)


cdef class Containers:
    cdef Container inside
    cdef int depth, told
    cdef Py_ssize_t made
    cdef int _limit
    cdef Py_ssize_t _excess, _serial
    cdef list _all

    cdef object start(self, Place root, Py_ssize_t position)
    @cython.locals(outer=Container, inside=Container)
    cdef bint open(self, bint is_array, Py_ssize_t key_start, Py_ssize_t key_end,
                   bint is_told, Py_ssize_t position) except -1
    cdef bint close(self) except -1
    @cython.locals(container=Container)
    cdef Container nearest_object(self)
    @cython.locals(container=Container)
    cdef bytes key(self, bytes data)
    @cython.locals(container=Container)
    cdef bytes element_key(self, bytes data)
    cdef Place place(self, bytes data)
    @cython.locals(place=Place, parent=Place, key=bytes, inner=dict)
    cdef Place _place(self, Container container, bytes data)
