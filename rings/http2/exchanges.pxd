cimport cython

from rings.bodies.keeping cimport Keeper
from rings.http2.head cimport (
    MALFORMED, Head, add_trailers, is_request, status_of,
)
from rings.http2.hpack cimport Decoder
from rings.http2.lines cimport Lines
from rings.limits cimport Budget, Limits
from rings.memory cimport starts_with
from rings.pairs.message cimport GRPC, HTTP_2, SSE, Message
from rings.pairs.pairing cimport Pairer, has_news
from rings.stats cimport Stats
from rings.websocket.exchange cimport Exchange as WebSocket


cdef int EVENTS
cdef bytes _GRPC_TYPE


@cython.final
cdef class Exchange:
    cdef unsigned int number
    cdef Message request, response
    cdef WebSocket socket
    cdef long long interim_bytes
    cdef bint is_asking, is_answering, is_closed, is_tunnel, is_doubtful
    cdef bint may_be_interim

    cdef object begin(self, unsigned int number, Message request)


@cython.final
cdef class Exchanges:
    cdef Pairer pairer
    cdef Stats stats
    cdef Budget budget
    cdef Keeper keeper
    cdef Limits limits
    cdef readonly dict open
    cdef Exchange recent
    cdef unsigned int last
    cdef bint is_requests_lost
    cdef Lines fields
    cdef Head head

    @cython.locals(exchange=Exchange)
    cdef object adopt(self, Message request, long long switch_bytes)
    @cython.locals(exchange=Exchange, is_used="bint")
    cdef object ask(self, unsigned int number, Decoder decoder, long long size,
                    bint is_end, long long now_ns)
    @cython.locals(exchange=Exchange)
    cdef object promise(self, unsigned int number, Decoder decoder, long long size,
                        long long now_ns)
    @cython.locals(exchange=Exchange, response=Message, answer=Message, status=int)
    cdef object answer(self, unsigned int number, Decoder decoder, long long size,
                       bint is_end, long long now_ns)
    @cython.locals(exchange=Exchange)
    cdef Exchange body(self, unsigned int number, bint is_asking)
    @cython.locals(response=Message)
    cdef object end(self, Exchange exchange, bint is_asking)
    @cython.locals(exchange=Exchange)
    cdef object reset(self, unsigned int number)
    @cython.locals(exchange=Exchange)
    cdef object lose(self, bint is_asking)
    @cython.locals(exchange=Exchange)
    cdef object tell(self, long long now_ns)
    @cython.locals(response=Message)
    cdef object tell_one(self, Exchange exchange, bint is_due, long long now_ns)
    cdef object close(self)
    cdef object begin_anew(self)
    @cython.locals(exchange=Exchange)
    cdef object refuse(self, unsigned int number, bint is_asking)
    @cython.locals(recent=Exchange, found=Exchange)
    cdef Exchange _found(self, unsigned int number)
    cdef object stray(self, long long size)
    @cython.locals(exchange=Exchange, request=Message)
    cdef Exchange _opened(self, unsigned int number, Decoder decoder, long long size,
                          long long now_ns)
    @cython.locals(request=Message)
    cdef object _begin_response(self, Exchange exchange, Message response)
    @cython.locals(request=Message, response=Message)
    cdef object _turn_to_tunnel(self, Exchange exchange)
    @cython.locals(response=Message)
    cdef object _take_as_interim(self, Exchange exchange)
    @cython.locals(before=Py_ssize_t)
    cdef object _take_trailers(self, Exchange exchange, Message message,
                               Decoder decoder, long long size, bint is_end)
    @cython.locals(message=Message, data="const unsigned char*")
    cdef Message _message(self, bint is_asking, Decoder decoder, long long size,
                          long long now_ns)
    cdef object _begin_body(self, Message message)
    cdef object _end_request(self, Exchange exchange)
    cdef object _end_response(self, Exchange exchange)
    cdef bint _is_full(self) except -1
    cdef object _forget(self, Exchange exchange)
    cdef object _close(self, Exchange exchange)
    cdef object _give_up(self, Exchange exchange, long long size)
