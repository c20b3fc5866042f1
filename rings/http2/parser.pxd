cimport cython

from rings.http2.doubt cimport Doubt
from rings.http2.exchanges cimport Exchange, Exchanges
from rings.http2.hpack cimport Decoder
from rings.http2.lines cimport Lines
from rings.http2.protocol cimport (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADER_BYTES, HEADERS, PADDED,
    PREFACE, PRIORITIZED, PUSH_PROMISE, RST_STREAM, SETTINGS, breaks, is_header,
    length_at,
)
from rings.limits cimport Budget, Limits
from rings.memory cimport append, equals, read_be32
from rings.pairs.message cimport Message
from rings.stats cimport Stats


cdef int _BLOCK_LIMIT, _OUTAGE_BYTES, _FIRST, _HEADER, _DATA, _PADDING, _BLOCK, _SKIP, _DOUBT, _OFF, _REQUEST
cdef unsigned int _NUMBER


# Final, so that its own methods are called without a table and can be inlined.
@cython.final
cdef class Parser:
    cdef readonly Exchanges exchanges
    cdef Stats stats
    cdef Budget budget
    cdef Limits limits
    cdef public int role
    cdef public Parser peer
    cdef int preface
    cdef readonly int state
    cdef Decoder decoder
    cdef Doubt doubt
    cdef bytearray header
    cdef int kind, flags
    cdef unsigned int number, promised
    cdef Py_ssize_t left, padding
    cdef Exchange exchange
    cdef long long frame_ns
    cdef bytearray block
    cdef long long block_bytes, block_ns
    cdef unsigned int block_number
    cdef int block_kind, block_flags
    cdef bint is_block_over

    cdef object feed(self, const unsigned char* data, Py_ssize_t start, Py_ssize_t end,
                     bint is_beginning, long long now_ns)
    cdef object gap(self, long long length)
    cdef object finish(self)
    cdef object leave(self)
    cdef object lose(self)
    cdef object await_proof(self)
    @cython.locals(peer=Parser)
    cdef bint is_ready(self) except -1
    @cython.locals(first=Parser)
    cdef object begin(self)
    @cython.locals(held=bytearray, data="const unsigned char*", now_ns="long long")
    cdef object _begin(self)
    @cython.locals(size=Py_ssize_t, place=Py_ssize_t)
    cdef Py_ssize_t _skip_preface(self, const unsigned char* data, Py_ssize_t start,
                                  Py_ssize_t end) except -1
    @cython.locals(known=Py_ssize_t, size=Py_ssize_t, header=bytes)
    cdef Py_ssize_t _take_header(self, const unsigned char* data, Py_ssize_t start,
                                 Py_ssize_t end, long long now_ns) except -1
    @cython.locals(kind=int, flags=int, number="unsigned int")
    cdef object _begin_frame(self, const unsigned char* data, Py_ssize_t start)
    cdef bint _is_wrong(self, const unsigned char* data, Py_ssize_t start) except -1
    cdef object _begin_data(self)
    cdef Py_ssize_t _take_padding(self, const unsigned char* data,
                                  Py_ssize_t start) except -1
    @cython.locals(size=Py_ssize_t, kept=Py_ssize_t, message=Message, is_all="bint",
                   is_due="bint", exchange=Exchange, is_within="bint", is_asking="bint")
    cdef Py_ssize_t _take_data(self, const unsigned char* data, Py_ssize_t start,
                               Py_ssize_t end, long long now_ns) except -1
    @cython.locals(missed="long long", message=Message, exchange=Exchange)
    cdef object _miss_data(self, long long length)
    @cython.locals(exchange=Exchange)
    cdef Message _message(self)
    @cython.locals(exchange=Exchange)
    cdef object _end_data(self)
    @cython.locals(exchange=Exchange)
    cdef object _count_data(self, long long size)
    cdef object _begin_block(self)
    @cython.locals(size=Py_ssize_t, is_whole="bint")
    cdef Py_ssize_t _take_block(self, const unsigned char* data, Py_ssize_t start,
                                Py_ssize_t end) except -1
    @cython.locals(is_full="bint")
    cdef bint _holds(self, Py_ssize_t size) except -1
    @cython.locals(block=bytearray, data="const unsigned char*")
    cdef object _end_fragment(self)
    @cython.locals(block=bytearray, data="const unsigned char*", start=Py_ssize_t,
                   end=Py_ssize_t)
    cdef object _strip(self)
    @cython.locals(flags=int, size=Py_ssize_t)
    cdef (Py_ssize_t, Py_ssize_t) _bounds(self, const unsigned char* data,
                                          Py_ssize_t start, Py_ssize_t end)
    @cython.locals(size="long long", number="unsigned int", is_end="bint")
    cdef object _read_block(self, const unsigned char* data, Py_ssize_t start,
                            Py_ssize_t end)
    cdef object _refuse_block(self)
    cdef object _let_block_go(self)
    cdef object _drop_block(self)
    @cython.locals(size=Py_ssize_t)
    cdef Py_ssize_t _skip(self, Py_ssize_t start, Py_ssize_t end) except -1
    cdef object _end_skipped(self)
    cdef object _count_frames(self, long long size)
    cdef object _count(self, long long size)
