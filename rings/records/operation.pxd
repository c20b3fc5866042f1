cimport cython

from rings.memory cimport equals_folded, find_byte


cdef int _LF, _COLON, _QUOTE, _ESCAPE, _OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST, _FIRST_KEY


@cython.locals(first=int, text=bytes)
cpdef bytes operation(bytes head, bytes target, bytes body)
@cython.locals(data="const unsigned char*", size=Py_ssize_t, end=Py_ssize_t,
               quote=Py_ssize_t, stop=Py_ssize_t)
cdef bint _begins_as_call(bytes body) except -1
@cython.locals(data="const unsigned char*", end=Py_ssize_t, start=Py_ssize_t,
               stop=Py_ssize_t, colon=Py_ssize_t, size=Py_ssize_t, first=int)
cdef bytes _in_head(bytes head)
cdef bytes _of_type(bytes value)
cdef bytes _last_part(bytes value)
cdef bytes _named(bytes value)
cdef bytes _in_query(bytes target)
@cython.locals(position=Py_ssize_t, end=Py_ssize_t, is_list="bint")
cdef bytes _in_body(bytes text)
@cython.locals(data="const unsigned char*", start=Py_ssize_t, is_rpc="bint",
               is_persisted="bint")
cdef tuple _of_object(bytes text, Py_ssize_t position, Py_ssize_t end)
cdef bint _is_document(bytes text) except -1
cdef bint _is_text(const unsigned char* data, Py_ssize_t start,
                   Py_ssize_t end) noexcept
cdef Py_ssize_t _value_start(const unsigned char* data, Py_ssize_t position,
                             Py_ssize_t end) noexcept
cdef Py_ssize_t _string_end(const unsigned char* data, Py_ssize_t position,
                            Py_ssize_t end) noexcept
@cython.locals(depth=int, octet=int)
cdef Py_ssize_t _value_end(const unsigned char* data, Py_ssize_t position,
                           Py_ssize_t end) noexcept
cdef bytes _graphql(bytes document, bytes name)
