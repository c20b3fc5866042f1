cdef class Usual:
    cdef frozenset _types
    cdef Py_ssize_t _whys

    cpdef bint has(self, place) except -1


cpdef bint _is_data_type(str text) except -1
cdef bint _check_endpoint(endpoint, Usual usual, Py_ssize_t whys) except -1
cdef bint _check_traffic(traffic) except -1
cpdef bint _check_place(str where, place, Py_ssize_t whys) except -1
cdef bint _check_workload(str where, workload) except -1
cdef bint _text(str where, str text, Py_ssize_t most_bytes) except -1
cdef bint _matches(str where, str text, pattern) except -1
cdef bint _at_most(str where, things, Py_ssize_t most) except -1
cdef bint _counter(str where, unsigned long long value) except -1
cdef bint _interval(str where, long long start_ns) except -1
cdef bint _window(str where, long long start_ns, long long end_ns) except -1
