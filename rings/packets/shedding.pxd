cimport cython

from rings.memory cimport read_be16, read_be32


cdef unsigned int _ADDRESS, _PORT, _BOTH
cdef int _FOLD, _SHIFT


@cython.locals(size=Py_ssize_t, one="unsigned int", other="unsigned int")
cpdef unsigned int flow_number(bytes key, unsigned int seed)

@cython.locals(mixed="unsigned int", place=Py_ssize_t)
cdef unsigned int _mixed(const unsigned char* key, Py_ssize_t start, Py_ssize_t end,
                         Py_ssize_t port, unsigned int seed) noexcept
