cimport cython



cdef class Endpoint:
    cdef public double inspected_at, due_at, extra_at
    cdef public long active_in
    cdef public dict kinds


cdef class Sampler:
    cdef double _per_second, _interval, _most_tokens, _tokens, _now
    cdef object _endpoints
    cdef long _period, _active, _active_before

    @cython.locals(state=Endpoint, idle=double, active=long)
    cpdef int choose(self, endpoint, kind, bint is_whole, double now) except -1
    @cython.locals(state=Endpoint)
    cpdef succeed(self, endpoint, kind, double now)
    @cython.locals(state=Endpoint)
    cpdef fail(self, endpoint, kind)
    @cython.locals(earned=double, period=long)
    cdef _advance(self, double now)
    cdef Endpoint _state(self, endpoint)
