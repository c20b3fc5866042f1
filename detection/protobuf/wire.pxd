cimport cython


cdef int _DEPTH_LIMIT, _MOST_SHIFT
cdef int _VARINT, _FIXED64, _BYTES, _GROUP, _END_GROUP, _FIXED32
cdef long long _FIELD_LIMIT, _MOST_NUMBER, _MOST_FIELD, _MOST_BYTES
cdef unsigned long long _MOST_VALUE


cdef class Parsed:
    cdef public long long number
    cdef public int wire
    cdef public Py_ssize_t start, end
    cdef public unsigned long long value


cdef class Transcoder:
    cdef public object types
    cdef public bint is_unnamed
    cdef bytes _data
    cdef bytearray _out
    cdef long long _work, _fields
    cdef Py_ssize_t _position, _begin, _stop
    cdef unsigned long long _read

    cpdef bytes json(self, bytes data, object kind=*)
    @cython.locals(fields=list, most="long long", tag="unsigned long long",
                   at=Py_ssize_t, number="long long", wire=int)
    cdef list _parse(self, Py_ssize_t start, Py_ssize_t end, bint is_strict)
    @cython.locals(data=bytes, position=Py_ssize_t, value="unsigned long long",
                   part="unsigned long long", shift=int, octet="unsigned char")
    cdef unsigned long long _varint(self, Py_ssize_t end) except? 999
    @cython.locals(wire=int, size="unsigned long long")
    cdef bint _skip(self, unsigned long long tag, Py_ssize_t end,
                    int depth) except -1
    @cython.locals(begin=Py_ssize_t, at=Py_ssize_t, tag="unsigned long long")
    cdef bint _skip_group(self, unsigned long long end_tag, Py_ssize_t end,
                          int depth) except -1
    @cython.locals(parsed=Parsed, out=bytearray, groups=dict, found=list, group=list,
                   mark=Py_ssize_t, begun=Py_ssize_t, is_first="bint")
    cdef object _message(self, list fields, object kind, int depth)
    @cython.locals(parsed=Parsed, out=bytearray, is_many="bint", mark=Py_ssize_t,
                   before=Py_ssize_t, begun=Py_ssize_t, is_first="bint")
    cdef object _unnamed(self, list group, int depth)
    @cython.locals(start=Py_ssize_t, end=Py_ssize_t, first=int, fields=list)
    cdef object _guess(self, Parsed parsed, int depth)
    @cython.locals(data=bytes)
    cdef object _text(self, Py_ssize_t start, Py_ssize_t end)
    cdef object _within(self, Parsed parsed, object kind, int depth)
    @cython.locals(parsed=Parsed, out=bytearray, mark=Py_ssize_t, begun=Py_ssize_t,
                   is_first="bint")
    cdef object _named(self, list group, object field, int depth)
    @cython.locals(parsed=Parsed, part=Parsed, value=Parsed, out=bytearray,
                   mark=Py_ssize_t, begun=Py_ssize_t, is_first="bint")
    cdef object _map(self, list group, object kind, int depth)
    @cython.locals(out=bytearray, wire=int)
    cdef object _value(self, Parsed parsed, object field, object kind, int depth)
    @cython.locals(inner=Parsed)
    cdef object _typed(self, Parsed parsed, object field, object kind, int depth)
    @cython.locals(part=Parsed)
    cdef bytes _timestamp(self, Parsed parsed)
    @cython.locals(data=bytes, position=Py_ssize_t, end=Py_ssize_t,
                   value="unsigned long long")
    cdef object _packed(self, Parsed parsed, object field)
    cdef object _number(self, object value, object field)


cdef object _signed(object value, object bits)
cdef bytes _fixed(bytes data, Py_ssize_t start, int wire)
cdef bytes _told(object number)
