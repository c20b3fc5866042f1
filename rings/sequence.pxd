cimport cython

@cython.locals(difference="long long")
cpdef long long distance(unsigned int sequence, unsigned int origin) noexcept
