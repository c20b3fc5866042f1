cimport cython

from rings.memory cimport find_byte


cdef int CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER
cdef int CHUNKS_DONE, CHUNKS_BAD
cdef int _MOST_DIGITS, _LF, _CR, _SPACE, _TAB, _SEMICOLON


cdef class Chunks:
    cdef public int phase
    cdef public long long remaining
    cdef long long line_limit, line_bytes, trailer_bytes
    cdef int digits

    @cython.locals(size=Py_ssize_t)
    cdef Py_ssize_t read(self, const unsigned char* data, Py_ssize_t start,
                         Py_ssize_t end) except -1
    cdef object skip(self, long long size)
    @cython.locals(value=int, is_end="bint", is_size="bint")
    cdef Py_ssize_t _read_size(self, const unsigned char* data, Py_ssize_t start,
                               Py_ssize_t end) except -1
    @cython.locals(stop=Py_ssize_t)
    cdef Py_ssize_t _read_extension(self, const unsigned char* data, Py_ssize_t start,
                                    Py_ssize_t end) except -1
    @cython.locals(octet=int)
    cdef Py_ssize_t _read_end(self, const unsigned char* data,
                              Py_ssize_t start) except -1
    @cython.locals(octet=int)
    cdef Py_ssize_t _read_trailer(self, const unsigned char* data, Py_ssize_t start,
                                  Py_ssize_t end) except -1


cdef int _hex_value(int octet) noexcept
