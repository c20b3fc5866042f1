cimport cython


cdef long long _LAST

cpdef unsigned int advanced(unsigned int sequence, long long length) noexcept
@cython.locals(difference="long long")
cpdef long long distance(unsigned int sequence, unsigned int origin) noexcept
