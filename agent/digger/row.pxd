cimport cython


cdef long long _CLASSES, _MOST_US

@cython.locals(duration="long long", shift="int")
cpdef int bucket_of(long long duration_us) noexcept


cdef class Traffic:
    cdef public long long pairs, truncated, request_bytes, response_bytes, sum_us
    cdef public dict buckets

    cpdef add(self, Traffic other)
    cpdef took(self, long long duration_us, long long times)


cdef class Row:
    cdef public long long inspected, first_ns, last_ns
    cdef public int names
    cdef public dict traffic, places

    @cython.locals(traffic=Traffic, status_class="long long", bucket="int")
    cpdef count(self, long long status, long long at_ns, long long duration_us, long long request_bytes, long long response_bytes, long long truncated=*, long long times=*)
    cpdef reach(self, long long last_ns)
    cpdef bint place(self, tuple key, list found) except -1
    cpdef merge(self, Row other)
