cimport cython

from rings.http2.huffman cimport decoded
from rings.http2.lines cimport (
    AUTHORITY, CODING, LENGTH, METHOD, OTHER, PATH, PROTOCOL, SCHEME, STATUS, TYPE,
    UNKNOWN, Lines, is_clean, kind_of, mark_of,
)
from rings.memory cimport copy


cdef dict _KINDS
cdef Py_ssize_t FIRST_BYTES, MOST_BYTES, FIELD_BYTES, _COUNTED_BYTES, _STATIC_SIZE
cdef long long _INTEGER_LIMIT
cdef int _COLON, _C, _CUT
cdef bytes _BETWEEN, _END
cdef Lines _FIELDS


# Final, so that its own methods are called without a table and can be inlined.
@cython.final
cdef class Decoder:
    cdef readonly Lines fields
    cdef readonly bint is_over
    cdef readonly Py_ssize_t unknown
    cdef Lines table
    cdef readonly Py_ssize_t table_bytes, most_bytes
    cdef Py_ssize_t block_bytes, left, place

    cpdef object lose(self)
    cpdef bint decode(self, const unsigned char* data, Py_ssize_t start,
                      Py_ssize_t end) except -1
    @cython.locals(octet=int, index=Py_ssize_t)
    cdef bint _read(self, const unsigned char* data, Py_ssize_t end) except -1
    @cython.locals(fields=Lines, table=Lines, place=Py_ssize_t,
                   text="const unsigned char*")
    cdef object _refer(self, Py_ssize_t index)
    @cython.locals(fields=Lines, size=Py_ssize_t, kind=int, mark="unsigned int",
                   text="const unsigned char*")
    cdef bint _literal(self, const unsigned char* data, Py_ssize_t end,
                       Py_ssize_t index, bint is_added) except -1
    @cython.locals(fields=Lines, table=Lines, place=Py_ssize_t,
                   text="const unsigned char*")
    cdef int _name(self, const unsigned char* data, Py_ssize_t end,
                   Py_ssize_t index) except -2
    @cython.locals(place=Py_ssize_t)
    cdef Py_ssize_t _place(self, Py_ssize_t index) except -2
    @cython.locals(fields=Lines)
    cdef object _add(self, unsigned int mark)
    @cython.locals(fields=Lines, table=Lines, size=Py_ssize_t,
                   text="const unsigned char*")
    cdef object _insert(self, unsigned int mark)
    @cython.locals(table=Lines)
    cdef object _evict(self, Py_ssize_t most)
    cdef bint _resize(self, Py_ssize_t size) except -1
    @cython.locals(value="long long", shift=int, octet=int)
    cdef Py_ssize_t _integer(self, const unsigned char* data, Py_ssize_t end,
                             int mask) except -2
    @cython.locals(is_coded=int, size=Py_ssize_t, start=Py_ssize_t, fields=Lines,
                   target="unsigned char*", stop=Py_ssize_t)
    cdef bint _string(self, const unsigned char* data, Py_ssize_t end) except -1


@cython.locals(text="const unsigned char*", size=Py_ssize_t)
cdef int _kind_of(Lines fields) except -2
