cimport cython


cpdef long long capped(long long old, long long new) except? -1
cdef tuple _counted(endpoint)


cdef class Rows:
    cdef public object bounds
    cdef public long long now_ns
    cdef public dict tables, seen, amounts, owners
    cdef object _rules, _whys
    cdef long long _earliest_ns, _latest_ns, _clamped
    cdef dict _named, _edge_types, _data_types, _talking, _workloads, _merges
    cdef str _cluster
    cdef tuple _window

    cpdef add(self, package)
    cdef list _add_endpoint(self, endpoint)
    cdef tuple _admit_endpoint(self, endpoint)
    @cython.locals(sensitivity="int", likelihood="int", greatest="int")
    cdef int _add_places(self, tuple keys, endpoint, tuple times, seen) except -1
    cdef _corrected(self, tuple key, tuple named)
    cdef _add_why(self, long long endpoint, tuple named, Py_ssize_t position)
    cdef _add_type(self, tuple key, int sensitivity, tuple amounts, tuple times)
    cdef _add_seen(self, tuple key, list counters, seen)
    cdef tuple _workload(self, workload)
    cdef long long _add_workload(self, tuple workload, int talks) except -1
    cdef long long _time(self, long long at_ns) except? -1
    cdef long long _interval(self, long long at_ns) except? -1
    cdef _put(self, table, key, list row)
    cdef _merge(self, table, list stored, list row)
