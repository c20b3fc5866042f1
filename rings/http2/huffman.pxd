cimport cython

from rings.memory cimport read_le32


cdef int _LONGEST, _SHORTEST_LONG
cdef Py_ssize_t _EOS
cdef unsigned long long _LOW, _WINDOW
cdef bytes _SHORT, _LONG, _SYMBOLS


@cython.locals(short="const unsigned char*", word="unsigned long long", bits=int,
               length=int, window=int, found=Py_ssize_t)
cdef Py_ssize_t decoded(const unsigned char* data, Py_ssize_t start, Py_ssize_t end,
                        unsigned char* target, Py_ssize_t place) except -2
@cython.locals(bounds="const unsigned char*", symbols="const unsigned char*",
               length=int, row=Py_ssize_t, index=Py_ssize_t)
cdef Py_ssize_t _long(unsigned int window, int bits) except -2
