cimport cython

from rings.limits cimport Budget, Limits
from rings.message cimport Message, Pair
from rings.stats cimport Stats


cdef class Pairer:
    cdef public Stats stats
    cdef public list sink
    cdef public long long number
    cdef Limits limits
    cdef Budget budget
    cdef public bint is_certain, pipelines, is_proposed, is_refuted, is_touched
    cdef Message oldest, newest
    cdef Py_ssize_t waiting
    cdef public Message answering, response
    cdef public Message held, held_answer
    cdef public bytes client, server
    cdef public int client_port, server_port
    cdef public unsigned int interface

    cpdef object take_request(self, Message request)
    cpdef Message match(self, Message response)
    cpdef object end_request(self, Message request)
    cpdef object end_response(self, Message response)
    cpdef object lose(self)
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
    @cython.locals(request=Message, response=Message)
    cdef object _confirm_held(self)
    cdef object _release_held(self)
    @cython.locals(request=Message, response=Message)
    cdef object _complete(self)
    @cython.locals(stats=Stats, size="long long", is_json="bint")
    cdef object _emit(self, Message request, Message response)
    cdef object _drop(self, Message request)
    cdef object _give_up(self, Message request)
    @cython.locals(pair=Pair)
    cdef object _hand_on(self, Message request, Message response)
    cdef object _discard(self, Message message)
