cimport cython

from detection.containers cimport Container, Containers
from detection.fields cimport Field, Place
from detection.memory cimport string_end
from detection.names cimport Bearer, Names


cdef int _KEY_HIT, _ESCAPE_HIT, _FIRST_RULE, _HIT_BITS, _FIELD_LIMIT, _KEY_LIMIT
cdef int _KEY, _STRING, _NUMBER, _WORD, _COLUMNS, _ROWS, _ROW_DEPTH, _NAME_DEPTH
cdef long long _HIT_MASK, _NEVER
cdef int _QUOTE, _COMMA, _COLON, _BACKSLASH
cdef bytes _TYPE_KEY, _REFERENCE_KEY, _RESOURCE
cdef int _OPEN_ARRAY, _CLOSE_ARRAY, _OPEN_OBJECT, _CLOSE_OBJECT


@cython.locals(position=Py_ssize_t)
cdef bint _holds_digit(const unsigned char* text, Py_ssize_t start,
                       Py_ssize_t end) except -1


cdef class Walker:
    cdef bytes data, pair
    cdef Py_ssize_t position, end, hit_index, hit_stop, key_start, key_end
    cdef long long hit_end
    cdef dict answers, late, foretold, late_types, foretold_types
    cdef object says
    cdef Names names
    cdef Containers containers
    cdef list hits, fields
    cdef bytearray lone
    cdef bint is_told, is_name

    @cython.locals(fields=list)
    cpdef list walk(self, bytes data, Py_ssize_t start, Py_ssize_t end, list hits,
                    Py_ssize_t first, Py_ssize_t stop, Place root)
    cdef object _start(self, Py_ssize_t start, Py_ssize_t first, Place root)
    @cython.locals(text="const unsigned char*", position=Py_ssize_t, end=Py_ssize_t,
                   octet=int)
    cdef object _run(self)
    cdef bint _is_done(self) except -1
    cdef object _seek(self, Py_ssize_t index)
    @cython.locals(position=Py_ssize_t, close=Py_ssize_t, is_cut="bint")
    cdef Py_ssize_t _string(self, const unsigned char* text, Py_ssize_t start,
                            Py_ssize_t end) except -1
    @cython.locals(position=Py_ssize_t, octet=int, is_number="bint", is_cut="bint",
                   kind=int)
    cdef Py_ssize_t _bare(self, const unsigned char* text, Py_ssize_t start,
                          Py_ssize_t end) except -1
    @cython.locals(is_bearer="bint", is_told="bint", depth=int, inside=Container,
                   outer=Container)
    cdef object _open(self, bint is_array, Py_ssize_t position)
    @cython.locals(depth=int)
    cdef object _close(self)
    @cython.locals(container=Container, above=int)
    cdef object _open_rows(self, int depth)
    @cython.locals(columns=dict)
    cdef object _keep_late(self, int depth, Container table)
    @cython.locals(end="long long", number="long long", field=Field)
    cdef object _take_key(self, Py_ssize_t start, Py_ssize_t close, Py_ssize_t after)
    @cython.locals(text="const unsigned char*",
                   field=Field, is_told="bint", is_bearer="bint", is_named="bint",
                   key=bytes, column=bytes, inside=Container)
    cdef object _take_value(self, int kind, Py_ssize_t start, Py_ssize_t close,
                            Py_ssize_t after, bint is_cut)
    @cython.locals(key=bytes)
    cdef bint _is_bearer(self) except -1
    @cython.locals(end="long long", number="long long", last="long long",
                   previous="long long")
    cdef Field _take_hits(self, Field field, int kind, Py_ssize_t start, Py_ssize_t close,
                          Py_ssize_t after, bint is_cut, bytes key)
    @cython.locals(depth=int, name=bytes, above=bytes, bearer=Bearer)
    cdef object _bear(self, Field field, int kind, Py_ssize_t start, Py_ssize_t close,
                      bint is_cut)
    @cython.locals(container=Container, start=Py_ssize_t)
    cdef bytes _name_above(self)
    @cython.locals(inside=Container)
    cdef object _take_type(self, int kind, Py_ssize_t start, Py_ssize_t close, bytes key)
    @cython.locals(text="const unsigned char*", key=bytes)
    cdef bint _is_coded(self) except -1
    @cython.locals(begin=Py_ssize_t, end=Py_ssize_t)
    cdef object _refer(self, Py_ssize_t start, Py_ssize_t close)
    @cython.locals(text="const unsigned char*", key=bytes, field=Field, bearer=Bearer)
    cdef object _name(self, bytes name)
    @cython.locals(text="const unsigned char*", container=Container, depth=int,
                   key=bytes, name=bytes, bearer=Bearer)
    cdef object _name_around(self, Py_ssize_t start, Py_ssize_t close)
    @cython.locals(text="const unsigned char*", row=Container, outer=Container,
                   name=bytes, depth=int)
    cdef object _head(self, Py_ssize_t start, Py_ssize_t close)
    @cython.locals(depth=int, array=Container, key=bytes, name=bytes)
    cdef object _add_column(self, Py_ssize_t start, Py_ssize_t close)
    @cython.locals(pair=bytes)
    cdef bytes _position_name(self, Py_ssize_t start, Py_ssize_t close, bint is_bearer)
    @cython.locals(depth=int, row=Container, container=Container, is_in_rows="bint",
                   columns=dict)
    cdef bytes _column(self, Py_ssize_t start, Py_ssize_t close)
    @cython.locals(position=Py_ssize_t, octet=int, is_letter="bint")
    cdef bint _is_joined(self, const unsigned char* text, Py_ssize_t start,
                         Py_ssize_t end) except -1
    cdef bint _says(self, bytes key) except -1
    cpdef Py_ssize_t made(self) except -1
    @cython.locals(container=Container, field=Field)
    cdef Field _add(self, int kind, Py_ssize_t start, Py_ssize_t close, bytes key,
                    bint is_told, bint is_cut)
    cdef object _forget_key(self)
