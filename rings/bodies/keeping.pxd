cimport cython

from rings.bodies.cutting cimport Cutter
from rings.limits cimport Budget, Limits
from rings.memory cimport append, copy
from rings.pairs.message cimport Message
from rings.stats cimport Stats


cdef int _JSON, _FORM, _MULTIPART, _EVENTS, _GENERIC, _JUDGED_BYTES


# Final, so that its own methods are called without a table and can be inlined.
@cython.final
cdef class Keeper:
    cdef Budget budget
    cdef Limits limits
    cdef Stats stats

    @cython.locals(is_told="bint")
    cdef object begin(self, Message message, int kind)
    @cython.locals(kept=Py_ssize_t, body=bytearray)
    cdef bint keep(self, Message message, const unsigned char* data, Py_ssize_t start,
                   Py_ssize_t size, bint is_all) except -1
    @cython.locals(is_cut="bint", cutter=Cutter)
    cdef object miss(self, Message message, long long length)
    cdef bint divide(self, Message message) except -1
    @cython.locals(start=Py_ssize_t, end=Py_ssize_t, head=bytes)
    cdef object _undoing(self, Message message)
    cdef object end(self, Message message)
    cdef object hold(self, Message message, Py_ssize_t size)
    cdef bint is_refused(self, Py_ssize_t size) except -1
    @cython.locals(cutter=Cutter)
    cdef bint _cut(self, Message message, const unsigned char* data, Py_ssize_t start,
                   Py_ssize_t end) except -1
    @cython.locals(is_events="bint")
    cdef object _judge(self, Message message)


cdef bint _is_told(Message message, Py_ssize_t size) except -1
