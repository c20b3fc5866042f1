cimport cython


cdef int _HIT_BITS, _HIT_LIMIT


cdef class Place:
    cdef public Place parent
    cdef public bytes key
    cdef public bint is_array
    cdef public str path
    cdef public Place container
    cdef public dict objects, arrays, circles


@cython.no_gc
cdef class Field:
    cdef public Place place
    cdef public bytes key
    cdef public int kind
    cdef public Py_ssize_t start, end, serial, opened
    cdef public bint is_told, is_cut
    cdef public list rules
    cdef public bytes name
