cimport cython

from rings.memory cimport find_byte, read_le64
from rings.pairs.message cimport Message


cdef unsigned long long _MASK, _MULTIPLIER, _BEGIN, _LOWER, _MANY
cdef int _FOLD, _COLON, _QUOTE, _SPACE, _TAB, _LF, _CR
cdef Py_ssize_t _LONGEST_NAME, _SLOTS, _MOST_NAMES, _SHAPE_BYTES, _CODED_BYTES
cdef bytes _KINDS


cdef class Shapes:
    cdef unsigned long long[256] _names
    cdef Py_ssize_t[192] _used
    cdef Py_ssize_t _count
    cdef unsigned long long _sum

    cpdef unsigned long long of_both(self, Message request, Message response)
    @cython.locals(data="const unsigned char*", head="const unsigned char*",
                   end=Py_ssize_t, number="unsigned long long")
    cpdef unsigned long long of_message(self, Message message)
    @cython.locals(place=Py_ssize_t, stop=Py_ssize_t, start=Py_ssize_t,
                   least=Py_ssize_t, kinds="const unsigned char*")
    cdef unsigned long long _names_in(self, const unsigned char* data,
                                      Py_ssize_t end) noexcept
    @cython.locals(slot=Py_ssize_t)
    cdef bint _add(self, unsigned long long name) noexcept
    @cython.locals(place=Py_ssize_t)
    cdef void _clear(self) noexcept


cdef unsigned long long mixed(unsigned long long number, unsigned long long word) noexcept
@cython.locals(number="unsigned long long", word="unsigned long long",
               place=Py_ssize_t)
cdef unsigned long long hashed(const unsigned char* data, Py_ssize_t start,
                               Py_ssize_t end, unsigned long long lower) noexcept
