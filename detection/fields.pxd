cimport cython

from detection.memory cimport string_end


cdef int _HIT_BITS, _HIT_LIMIT, _QUOTE, _COLON
cdef int _OPEN_ARRAY, _CLOSE_ARRAY, _OPEN_OBJECT, _CLOSE_OBJECT
cdef Py_ssize_t _MEMBERS_LIMIT


@cython.locals(text="const unsigned char*", found=list, position=Py_ssize_t,
               begin=Py_ssize_t, close=Py_ssize_t, key_start=Py_ssize_t,
               key_end=Py_ssize_t, depth=Py_ssize_t, octet=int)
cpdef list strings(bytes data, Py_ssize_t start, Py_ssize_t end, Py_ssize_t least=*)


cdef class Place:
    cdef public Place parent
    cdef public bytes key
    cdef public bint is_array
    cdef public str path
    cdef public Place container
    cdef public dict objects, arrays, circles, types
    cdef public bint is_type


@cython.no_gc
cdef class Field:
    cdef public Place place
    cdef public bytes key
    cdef public int kind
    cdef public Py_ssize_t start, end, serial, opened
    cdef public bint is_told, is_cut
    cdef public list rules
    cdef public bytes name
