cimport cython

from rings.limits cimport Budget, Limits
from rings.memory cimport append, copy, find_byte
from rings.pairs.message cimport Message
from rings.stats cimport Stats


cdef Py_ssize_t PREFIX_BYTES
cdef int _PREFIXED, _LINES, _MARKED, _LF, _CR, _SEPARATOR, _NO_FLAGS


# Final, so that its own methods are called without a table and can be inlined.
@cython.final
cdef class Cutter:
    cdef int division
    cdef bytearray body
    cdef readonly Py_ssize_t whole
    cdef readonly bint is_lost
    cdef bint is_full, is_left_out, is_cut, is_after_cr, is_ended
    cdef unsigned int left, length
    cdef int prefix
    cdef Py_ssize_t size
    cdef readonly object undoing
    cdef Stats stats
    cdef Limits limits
    cdef Budget budget

    @cython.locals(piece=bytes, plain="const unsigned char*")
    cdef bint take(self, Message message, const unsigned char* data, Py_ssize_t start,
                   Py_ssize_t end) except -1
    @cython.locals(stop=Py_ssize_t)
    cdef object _take_plain(self, Message message, const unsigned char* data,
                            Py_ssize_t start, Py_ssize_t end)
    cdef object miss(self, Message message, long long length)
    @cython.locals(body=bytes, data="const unsigned char*")
    cdef object _begin(self, Message message)
    @cython.locals(stop=Py_ssize_t)
    cdef Py_ssize_t _next(self, const unsigned char* data, Py_ssize_t start,
                          Py_ssize_t end) except -1
    @cython.locals(size=Py_ssize_t)
    cdef Py_ssize_t _next_prefixed(self, const unsigned char* data, Py_ssize_t start,
                                   Py_ssize_t end) except -1
    @cython.locals(octet=int)
    cdef Py_ssize_t _next_event(self, const unsigned char* data, Py_ssize_t start,
                                Py_ssize_t end) except -1
    @cython.locals(size=Py_ssize_t, body=bytearray, room=Py_ssize_t, is_over="bint")
    cdef object _keep(self, Message message, const unsigned char* data,
                      Py_ssize_t start, Py_ssize_t end)
    @cython.locals(body=bytearray, size=Py_ssize_t)
    cdef object _leave_out(self, Message message)
    cdef object _end(self, Message message)


@cython.locals(part=Message, cutter=Cutter, size=Py_ssize_t, rest=Py_ssize_t,
               tail=bytearray, is_coded="bint", counted=Py_ssize_t)
cpdef Message part_of(Message message, long long now_ns)
