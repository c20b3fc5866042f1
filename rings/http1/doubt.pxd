cimport cython

from rings.http1.protocol cimport (
    HTTP2, METHODS, NOT_HTTP, TLS, UNKNOWN, may_begin, method_at, prefers_own,
    proven_role,
)
from rings.http2.protocol cimport is_preface
from rings.limits cimport Budget
from rings.memory cimport append, copy, find_byte
from rings.stats cimport Stats


cdef int TUNNEL, CLOSED, ELSEWHERE, WEBSOCKET
cdef int LINE_OPEN, LINE_NONE, LINE_PROVEN, LINE_PREFACE
cdef int _PREAMBLE_BYTES, _UNDECIDED_BYTES, _LF


# Final, so that its own methods are called without a table and can be inlined.
@cython.final
cdef class Doubt:
    cdef Stats stats
    cdef Budget budget
    cdef long long preamble_left, undecided
    cdef bytearray line
    cdef long long line_position, line_acknowledged, line_ns
    cdef int line_role

    cdef object await_preamble(self)
    cdef object begin_line(self, long long position, long long acknowledged,
                           long long now_ns)
    cdef Py_ssize_t hold_line(self, const unsigned char* data, Py_ssize_t start,
                              Py_ssize_t end) except -1
    @cython.locals(stop=Py_ssize_t, line=bytes)
    cdef int judge_line(self, const unsigned char* data, Py_ssize_t start,
                        Py_ssize_t end, bint is_beginning, int role) except -1
    cdef bytearray take_line(self)
    @cython.locals(size=Py_ssize_t)
    cdef Py_ssize_t drop_line(self) except -1
    cdef bint pass_preamble(self, long long size) except -1
    cdef bint add(self, long long size) except -1
    @cython.locals(size="long long", is_preamble="bint")
    cdef object decide(self, int reason)
    @cython.locals(stats=Stats)
    cdef object count(self, long long size, int reason)


cdef bint _begins_anew(const unsigned char* data, Py_ssize_t start, Py_ssize_t end,
                       int role) except -1
