cimport cython

from rings.bodies.keeping cimport Keeper
from rings.http1.doubt cimport (
    CLOSED, ELSEWHERE, LINE_OPEN, LINE_PREFACE, LINE_PROVEN, TUNNEL, WEBSOCKET,
    Doubt,
)
from rings.http1.framing cimport (
    BODY_CHUNKED, BODY_UNTIL_CLOSE, HEAD_BAD, HEAD_DONE, MESSAGE_BAD, MESSAGE_DONE,
    Framer,
)
from rings.http1.head cimport LENGTH_ABSENT
from rings.http2.exchanges cimport Exchanges
from rings.http2.parser cimport Parser as Frames
from rings.http2.protocol cimport PREFACE, is_framed, is_preface
from rings.memory cimport copy, find_byte
from rings.pairs.message cimport SSE, Message
from rings.pairs.pairing cimport Pairer
from rings.http1.protocol cimport (
    HTTP2, MAYBE_HTTP, NOT_HTTP, REQUEST, RESPONSE, TLS, UNKNOWN, foreign,
    is_tls, is_tls_record, may_begin, proven_role, starting_role,
)
from rings.stats cimport Stats
from rings.websocket.exchange cimport Exchange as WebSocket


cdef int EVENTS
cdef int _START, _HEAD, _BODY, _SEEK, _LINE, _PROXY, _OFF
cdef int _SMALLEST_MESSAGE, _PREFACE_START, _LF, _CR, _P


# Final, so that its own methods are called without a table and can be inlined.
@cython.final
cdef class Parser:
    # What each segment needs stands first, for it shares cache lines.
    cdef public Pairer pairer
    cdef public int role
    cdef int state
    cdef Stats stats
    cdef Framer framer
    cdef bint may_lack_body, is_in_doubt
    cdef int off_reason
    cdef Frames frames
    cdef WebSocket socket
    cdef public object owner
    cdef public Parser peer
    # Only before the first message, and after doubt.
    cdef Doubt doubt
    cdef long long origin
    cdef object header
    cdef bint lacks_header

    @cython.locals(origin="long long", state=int)
    cdef object feed(self, const unsigned char* data, Py_ssize_t start, Py_ssize_t end,
                     long long position, long long acknowledged, long long now_ns,
                     bint is_beginning)
    @cython.locals(state=int)
    cpdef object gap(self, long long length, long long position)
    cdef object tell(self, long long now_ns)
    @cython.locals(framer=Framer)
    cpdef object finish(self, long long position, bint is_reset)
    cpdef object turn_off(self, int reason)
    cpdef object await_preamble(self)
    cpdef object leave_elsewhere(self)
    cpdef object untie(self)
    @cython.locals(taken=Py_ssize_t)
    cdef Py_ssize_t _feed_in_doubt(
        self, const unsigned char* data, Py_ssize_t start, Py_ssize_t end,
        long long position, long long acknowledged, long long now_ns,
        bint is_beginning) except -1
    @cython.locals(kind=int, role=int)
    cdef bint _seek(self, const unsigned char* data, Py_ssize_t start,
                    Py_ssize_t end, long long position) except -1
    cdef bint _is_other(self, const unsigned char* data, Py_ssize_t start,
                        Py_ssize_t end, long long position) except -1
    cdef Py_ssize_t _hold_line(self, const unsigned char* data, Py_ssize_t start,
                               Py_ssize_t end) except -1
    @cython.locals(doubt=Doubt, role=int, found=int, is_touched="bint")
    cdef Py_ssize_t _extend_line(self, const unsigned char* data, Py_ssize_t start,
                                 Py_ssize_t end, bint is_beginning) except -2
    @cython.locals(size=Py_ssize_t)
    cdef object _drop_line(self)
    cdef bint _opens_header(self, const unsigned char* data, Py_ssize_t start,
                            Py_ssize_t end, long long acknowledged,
                            long long now_ns) except -1
    @cython.locals(begun=bytes)
    cdef Py_ssize_t _take_header(
        self, const unsigned char* data, Py_ssize_t start, Py_ssize_t end,
        long long position, long long acknowledged, long long now_ns,
        bint is_beginning) except -1
    cdef object _end_header(self, object header)
    @cython.locals(size="long long")
    cdef object _drop_header(self)
    cdef object _leave_header(self, int state)
    cdef object _learn(self, int kind)
    cdef Doubt _doubts(self)
    cdef object _end_doubt(self)
    @cython.locals(message=Message, skipped=Py_ssize_t, reason=int, stats=Stats)
    cdef Py_ssize_t _begin(self, const unsigned char* data, Py_ssize_t start,
                           Py_ssize_t end, long long origin, long long acknowledged,
                           long long now_ns) except -1
    @cython.locals(message=Message)
    cdef object _open(self, long long position, long long acknowledged,
                      long long now_ns)
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
    @cython.locals(message=Message, request=Message)
    cdef object _upgrade(self, long long position)
    @cython.locals(message=Message)
    cdef bint _opens_websocket(self, Message request, long long position) except -1
    @cython.locals(exchanges=Exchanges, peer=Parser, preface=int, asks="bint",
                   answers="bint")
    cdef object _turn_to_http2(self, Py_ssize_t done, bint is_start)
    @cython.locals(frames=Frames)
    cdef object _feed_frames(self, const unsigned char* data, Py_ssize_t start,
                             Py_ssize_t end, bint is_beginning, long long now_ns)
    @cython.locals(doubt=Doubt, is_over="bint")
    cdef object _count_off(self, long long size)
