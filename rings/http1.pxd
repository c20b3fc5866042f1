cimport cython

from rings.framing cimport (
    BODY_CHUNKED, BODY_UNTIL_CLOSE, HEAD_BAD, HEAD_DONE, MESSAGE_BAD, MESSAGE_DONE,
    Framer,
)
from rings.head cimport LENGTH_ABSENT
from rings.message cimport Message
from rings.pairing cimport Pairer
from rings.protocol cimport (
    HTTP2, MAYBE_HTTP, NOT_HTTP, REQUEST, RESPONSE, TLS, UNKNOWN, foreign,
    is_tls, starting_role,
)
from rings.stats cimport Stats


cdef int _START, _HEAD, _BODY, _SEEK, _OFF
cdef int _TUNNEL, _CLOSED, _ELSEWHERE, _PREAMBLE_BYTES, _LF, _CR


# Final, so that its own methods are called without a table and can be inlined.
@cython.final
cdef class Parser:
    # What each segment needs stands first, for it shares cache lines.
    cdef public Pairer pairer
    cdef public int role
    cdef int state
    cdef Stats stats
    cdef Framer framer
    cdef bint may_lack_body
    cdef int off_reason
    cdef long long preamble_left
    cdef public object owner
    cdef public Parser peer

    @cython.locals(origin="long long", state=int)
    cdef object feed(self, const unsigned char* data, Py_ssize_t start, Py_ssize_t end,
                     long long position, long long acknowledged, long long now_ns)
    @cython.locals(state=int)
    cpdef object gap(self, long long length, long long position)
    @cython.locals(framer=Framer)
    cpdef object finish(self, long long position, bint is_reset)
    cpdef object turn_off(self, int reason)
    cpdef object await_preamble(self)
    cpdef object leave_elsewhere(self)
    @cython.locals(kind=int)
    cdef object _seek(self, const unsigned char* data, Py_ssize_t start,
                      Py_ssize_t end, long long position)
    cdef object _learn(self, int kind)
    @cython.locals(message=Message, skipped=Py_ssize_t, reason=int, stats=Stats)
    cdef Py_ssize_t _begin(self, const unsigned char* data, Py_ssize_t start,
                           Py_ssize_t end, long long origin, long long acknowledged,
                           long long now_ns) except -1
    @cython.locals(framer=Framer)
    cdef Py_ssize_t _take_head(self, const unsigned char* data, Py_ssize_t start,
                               Py_ssize_t end, long long origin) except -1
    @cython.locals(message=Message)
    cdef object _end_head(self, long long position)
    @cython.locals(message=Message, request=Message, status=int, is_connect="bint",
                   is_head="bint")
    cdef object _begin_response_body(self, long long position)
    cdef object _begin_body(self, long long position, long long absent)
    @cython.locals(framer=Framer)
    cdef Py_ssize_t _take_body(self, const unsigned char* data, Py_ssize_t start,
                               Py_ssize_t end, long long origin) except -1
    @cython.locals(phase=int)
    cdef object _settle(self, long long position)
    @cython.locals(message=Message)
    cdef object _end_message(self, long long position)
    cdef object _break(self, long long position)
    @cython.locals(kind=int)
    cdef bint _is_swapped(self, const unsigned char* data, Py_ssize_t start,
                          Py_ssize_t end) except -1
    cdef object _reject(self, int reason, long long position)
    cdef object _lose(self, long long position)
    cdef object _turn_both_off(self, int reason)
    @cython.locals(stats=Stats)
    cdef object _count_off(self, Py_ssize_t size)
