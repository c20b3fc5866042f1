cimport cython

from agent.naming.routes cimport Route, Server


cdef int _SLASH, _QUERY, _FRAGMENT, _DASH, _UNDERSCORE


cdef class Endpoints:
    cdef object _segments, _proven, _operations, _keys
    cdef long long _proof_ns
    cdef long _most
    cdef dict _young, _old
    cdef bytearray _buffer
    cdef list _judged, _judged_before

    @cython.locals(state=Server, route=Route, shape=bytes, was_admitted="bint")
    cpdef str template(self, object server, str method, bytes target,
                       object client=*, int status=*, long long at_ns=*)
    @cython.locals(state=Server)
    cdef Server _server(self, object server)
    @cython.locals(data="const unsigned char*", out="unsigned char*", size=Py_ssize_t,
                   start=Py_ssize_t, written=Py_ssize_t, position=Py_ssize_t,
                   length=Py_ssize_t, digits=int, is_plain="bint", is_id="bint",
                   octet=int)
    cdef bytes _shape(self, bytes target)
    @cython.locals(route=Route)
    cdef Route _route(self, Server state, str method, bytes target, bytes shape,
                      int status)
    @cython.locals(young=dict)
    cdef tuple _judge(self, bytes segment, int place)
    cdef Route _walk(self, Server state, bytes path, bint is_success)
    cdef _count(self, Server state, Route route, object client, long long at_ns)
