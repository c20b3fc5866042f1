cimport cython

from detection.memory cimport string_end


cdef int _KEY_HIT, _ESCAPE_HIT, _FIRST_RULE, _HIT_BITS, _DEPTH_LIMIT, _FIELD_LIMIT, _HIT_LIMIT, _KEY_LIMIT
cdef int _KEY, _STRING, _NUMBER, _WORD
cdef long long _HIT_MASK, _NEVER
cdef int _QUOTE, _COMMA, _COLON
cdef int _OPEN_ARRAY, _CLOSE_ARRAY, _OPEN_OBJECT, _CLOSE_OBJECT


cdef class Place:
    cdef public Place parent
    cdef public bytes key
    cdef public bint is_array
    cdef public str path
    cdef public Place container
    cdef public dict objects, arrays, circles


cdef class Field:
    cdef public Place place
    cdef public bytes key
    cdef public int kind
    cdef public Py_ssize_t start, end, serial, opened
    cdef public bint is_told, is_cut
    cdef public list rules


cdef class Walker:
    cdef bytes data
    cdef Py_ssize_t position, end, hit_index, hit_stop, key_start, key_end
    cdef long long hit_end
    cdef int depth, excess, told_depth
    cdef Py_ssize_t serial
    cdef public Py_ssize_t made
    cdef dict answers
    cdef object says
    cdef list hits, fields, places, keys, serials, opened
    cdef bytearray arrays, told
    cdef bint is_told

    @cython.locals(fields=list)
    cpdef list walk(self, bytes data, Py_ssize_t start, Py_ssize_t end, list hits,
                    Py_ssize_t first, Py_ssize_t stop, Place root)
    @cython.locals(text="const unsigned char*", position=Py_ssize_t, end=Py_ssize_t,
                   octet=int)
    cdef object _run(self)
    cdef bint _is_done(self) except -1
    cdef object _seek(self, Py_ssize_t index)
    @cython.locals(position=Py_ssize_t, close=Py_ssize_t, is_cut="bint")
    cdef Py_ssize_t _string(self, const unsigned char* text, Py_ssize_t start,
                            Py_ssize_t end) except -1
    @cython.locals(position=Py_ssize_t, octet=int, is_number="bint", is_cut="bint")
    cdef Py_ssize_t _bare(self, const unsigned char* text, Py_ssize_t start,
                          Py_ssize_t end) except -1
    @cython.locals(outer=int, depth=int)
    cdef object _open(self, bint is_array, Py_ssize_t position)
    cdef object _close(self)
    @cython.locals(end="long long", number="long long", field=Field)
    cdef object _take_key(self, Py_ssize_t start, Py_ssize_t close, Py_ssize_t after)
    @cython.locals(end="long long", number="long long", field=Field, is_told="bint",
                   key=bytes)
    cdef object _take_value(self, int kind, Py_ssize_t start, Py_ssize_t close,
                            Py_ssize_t after, bint is_cut)
    cdef bint _says(self, bytes key) except -1
    @cython.locals(depth=int, field=Field)
    cdef Field _add(self, int kind, Py_ssize_t start, Py_ssize_t close, bytes key,
                    bint is_told, bint is_cut)
    @cython.locals(place=Place, parent=Place, key=bytes, inner=dict)
    cdef Place _place(self, int depth)
    cdef bytes _named(self, tuple span)
    cdef object _forget_key(self)
