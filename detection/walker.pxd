cimport cython

from detection.fields cimport Field, Place
from detection.memory cimport string_end


cdef int _KEY_HIT, _ESCAPE_HIT, _FIRST_RULE, _HIT_BITS, _DEPTH_LIMIT, _FIELD_LIMIT, _KEY_LIMIT
cdef int _KEY, _STRING, _NUMBER, _WORD
cdef long long _HIT_MASK, _NEVER
cdef Py_ssize_t _BEARER_SIZE
cdef bytes _BEARER_STARTS
cdef int _QUOTE, _COMMA, _COLON, _BACKSLASH
cdef int _OPEN_ARRAY, _CLOSE_ARRAY, _OPEN_OBJECT, _CLOSE_OBJECT


cdef class Bearer:
    cdef Field field
    cdef Py_ssize_t key_start, key_end, start, close
    cdef int kind
    cdef bint is_cut


cdef class Walker:
    cdef bytes data
    cdef Py_ssize_t position, end, hit_index, hit_stop, key_start, key_end
    cdef long long hit_end
    cdef int depth, excess, told_depth
    cdef Py_ssize_t serial
    cdef public Py_ssize_t made
    cdef dict answers
    cdef object says, tells
    cdef list hits, fields, places, keys, serials, opened, names, bearers
    cdef Py_ssize_t named
    cdef bytearray arrays, told, lone
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
                   is_bearer="bint", is_named="bint", is_name="bint", key=bytes)
    cdef object _take_value(self, int kind, Py_ssize_t start, Py_ssize_t close,
                            Py_ssize_t after, bint is_cut)
    @cython.locals(size=Py_ssize_t)
    cdef bint _is_bearer(self, const unsigned char* text) except -1
    @cython.locals(name=bytes, above=bytes)
    cdef object _bear(self, Field field, int kind, Py_ssize_t start, Py_ssize_t close,
                      bint is_cut)
    @cython.locals(key=bytes, name=bytes, field=Field, bearer=Bearer)
    cdef object _name(self, Py_ssize_t start, Py_ssize_t close)
    @cython.locals(depth=int)
    cdef bytes _container_key(self)
    @cython.locals(position=Py_ssize_t, octet=int, is_letter="bint")
    cdef bint _is_joined(self, const unsigned char* text, Py_ssize_t start,
                         Py_ssize_t end) except -1
    cdef bint _says(self, bytes key) except -1
    cdef bint _tells(self, bytes name) except -1
    @cython.locals(depth=int, field=Field)
    cdef Field _add(self, int kind, Py_ssize_t start, Py_ssize_t close, bytes key,
                    bint is_told, bint is_cut)
    @cython.locals(place=Place, parent=Place, key=bytes, inner=dict)
    cdef Place _place(self, int depth)
    cdef bytes _named(self, tuple span)
    cdef object _forget_key(self)
