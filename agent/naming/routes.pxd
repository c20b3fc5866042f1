cimport cython


cdef class Route:
    cdef public str template
    cdef public list pending
    cdef public bint is_admitted


cdef class Server:
    cdef public bytes name
    cdef public object positions
    cdef public dict young, old
    cdef public set admitted, admitted_before, failed
    cdef public long long hour

    @cython.locals(hour="long long")
    cpdef bint admit(self, str template, int status, long long at_ns, long most) except -1
    cpdef keep(self, bytes shape, Route route)
