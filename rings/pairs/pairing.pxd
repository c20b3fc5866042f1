cimport cython

from rings.bodies.cutting cimport Cutter, part_of
from rings.limits cimport Budget, Limits
from rings.pairs.message cimport Message, Pair
from rings.stats cimport Stats


cdef int _DISPATCHED


cdef class Pairer:
    cdef public Stats stats
    cdef public list sink
    cdef public long long number
    cdef Limits limits
    cdef readonly Budget budget
    cdef public bint is_certain, pipelines, is_proposed, is_refuted, is_touched
    cdef Message oldest, newest
    cdef Py_ssize_t waiting, sure
    cdef public Message answering, response
    cdef public Message held, held_answer
    cdef public bytes client, server
    cdef public int client_port, server_port
    cdef public unsigned int interface

    cpdef object take_request(self, Message request)
    cpdef object begin_request(self, long long acknowledged)
    @cython.locals(is_sure="bint")
    cpdef Message match(self, Message response)
    cpdef object end_request(self, Message request)
    cpdef object end_response(self, Message response)
    cpdef bint is_busy(self) except -1
    cpdef object lose(self)
    cpdef object lose_requests(self)
    @cython.locals(held=Message)
    cpdef object confirm_switch(self)
    cpdef object end_silent(self, long long acknowledged)
    cdef object _doubt(self)
    cpdef object end_responses(self, long long position)
    cpdef object close(self)
    @cython.locals(request=Message)
    cdef Message _pop(self)
    cdef bint _is_full(self) except -1
    cdef bint _is_early(self, Message request) except -1
    cdef object _find_pipelining(self)
    cdef Message _next_in_order(self, Message response)
    @cython.locals(request=Message)
    cdef Message _propose(self, Message response)
    cdef object _judge_held(self, Message request)
    cdef object take_over(self)
    @cython.locals(request=Message)
    cdef Message switch(self)
    @cython.locals(request=Message, response=Message)
    cdef object _confirm_held(self)
    cdef object _release_held(self)
    @cython.locals(request=Message, response=Message)
    cdef object _complete(self)
    cdef bint _is_switch_of(self, Message request) except -1
    cdef object emit(self, Message request, Message response)
    @cython.locals(asked=Message, answered=Message)
    cdef object tell(self, Message request, Message response, long long now_ns)
    @cython.locals(request=Message, response=Message, is_old="bint")
    cdef object tell_open(self, bint is_due, long long now_ns)
    @cython.locals(stats=Stats, size="long long", is_json="bint", is_first="bint",
                   is_headed="bint", is_told="bint", pair=Pair)
    cdef object _settle(self, Message whole, Message request, Message response,
                        bint is_last)
    cdef object drop(self, Message request)
    cdef object give_up(self, Message request)
    @cython.locals(pair=Pair)
    cdef object _hand_on(self, Message request, Message response)
    cdef object discard(self, Message message)


cdef bint has_news(Message request, Message response, bint is_due) except -1
@cython.locals(cutter=Cutter)
cdef bint _has_news(Message message, bint is_enough) except -1
