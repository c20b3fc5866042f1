cimport cython

from rings.memory cimport copy, put, read_le32, resize, shift, write_le32


cdef int UNKNOWN, OTHER, METHOD, PATH, SCHEME, AUTHORITY, STATUS, PROTOCOL, PSEUDO
cdef int TYPE, CODING, LENGTH
cdef unsigned int _POSITION
cdef Py_ssize_t _MARK_BYTES, _FIRST_BYTES, _KEPT_BYTES


# Final, so that its own methods are called without a table and can be inlined.
@cython.final
cdef class Lines:
    cdef bytearray text, marks
    cdef unsigned int base
    cdef Py_ssize_t start, end, tip, first
    cdef readonly Py_ssize_t last
    cdef Py_ssize_t begin, name_end, until
    cdef unsigned int mark
    cdef readonly int kind

    @cython.locals(marks="const unsigned char*", row=Py_ssize_t,
                   following="unsigned int")
    cpdef object look(self, Py_ssize_t place)
    cpdef bytes name(self, Py_ssize_t place)
    cpdef bytes value(self, Py_ssize_t place)
    cdef object clear(self)
    cdef object reserve(self, Py_ssize_t size)
    @cython.locals(needed=Py_ssize_t)
    cdef object _grow(self, Py_ssize_t size)
    @cython.locals(target="unsigned char*")
    cdef object append(self, const unsigned char* data, Py_ssize_t start,
                       Py_ssize_t end)
    @cython.locals(place=Py_ssize_t, marks="unsigned char*", held=Py_ssize_t)
    cdef object close(self, unsigned int mark)
    @cython.locals(text="const unsigned char*", taken=bytes)
    cdef bytes taken(self)
    cdef Py_ssize_t let_go(self) except -1


cdef unsigned int mark_of(Py_ssize_t name_bytes, int kind, bint is_clean) noexcept
cdef int kind_of(unsigned int mark) noexcept
@cython.locals(place=Py_ssize_t, found=int, octet=int)
cdef bint is_clean(const unsigned char* data, Py_ssize_t start, Py_ssize_t end) noexcept
