cimport cython

from rings.limits cimport Budget, Limits
from rings.memory cimport append
from rings.pairs.message cimport Message
from rings.stats cimport Stats


cdef int _HEADER, _PAYLOAD, _OFF, _FIN, _RESERVED, _DEFLATED, _MASKED, _TEXT, _BINARY
cdef int _CONTROL, _PONG
cdef unsigned long long _LONGEST_CONTROL
cdef Py_ssize_t _LOOKED_AT


# Final, so that its own methods are called without a table and can be inlined.
@cython.final
cdef class Parser:
    cdef readonly Message message
    cdef Stats stats
    cdef Limits limits
    cdef Budget budget
    cdef object inflater
    cdef readonly int state
    cdef bytearray header, held
    cdef Py_ssize_t wanted, counted
    cdef long long left, mask_place, pending
    cdef bint is_control, is_final, is_open, is_text, is_deflated, is_left_out
    cdef bint is_lost

    cdef object feed(self, const unsigned char* data, Py_ssize_t start, Py_ssize_t end)
    @cython.locals(message=Message)
    cdef object gap(self, long long length)
    cdef object lose(self)
    cdef object finish(self)
    @cython.locals(header=bytearray, size=Py_ssize_t, length=int)
    cdef Py_ssize_t _take_header(self, const unsigned char* data, Py_ssize_t start,
                                 Py_ssize_t end) except -1
    @cython.locals(header=bytearray, first=int, kind=int, is_masked="bint",
                   length="unsigned long long")
    cdef object _begin_frame(self)
    @cython.locals(is_whole="bint", allowed=int)
    cdef bint _is_wrong(self, int first, int kind, unsigned long long length) except -1
    cdef object _begin_message(self, int kind, bint is_deflated)
    @cython.locals(size=Py_ssize_t)
    cdef Py_ssize_t _take_payload(self, const unsigned char* data, Py_ssize_t start,
                                  Py_ssize_t end) except -1
    @cython.locals(place=Py_ssize_t, header=bytearray, mask=Py_ssize_t,
                   offset=Py_ssize_t, step=Py_ssize_t)
    cdef object _unmask(self, bytearray target, const unsigned char* data,
                        Py_ssize_t start, Py_ssize_t size)
    @cython.locals(coded=bytearray, limit=Py_ssize_t, target=bytearray)
    cdef object _inflate(self, const unsigned char* data, Py_ssize_t start,
                         Py_ssize_t size)
    @cython.locals(more=Py_ssize_t, is_refused="bint")
    cdef object _bound(self)
    cdef object _leave_out(self)
    cdef object _clear(self)
    cdef object _end_frame(self)
    @cython.locals(size="long long")
    cdef object _end_message(self)
    @cython.locals(message=Message, held=bytearray, body=bytearray, kept=Py_ssize_t)
    cdef object _deliver(self, long long size)
    cdef object _count(self, long long size)
