cimport cython

from rings.limits cimport Limits
from rings.pairs.message cimport WEBSOCKET, Message
from rings.pairs.pairing cimport Pairer
from rings.websocket.parser cimport Parser


@cython.final
cdef class Exchange:
    cdef Pairer pairer
    cdef Limits limits
    cdef readonly Message request, response
    cdef readonly Parser asking, answering
    cdef bint is_asking_over, is_answering_over, is_over

    @cython.locals(parser=Parser)
    cdef object feed(self, bint is_asking, const unsigned char* data, Py_ssize_t start,
                     Py_ssize_t end, long long now_ns)
    @cython.locals(parser=Parser)
    cdef object gap(self, bint is_asking, long long length)
    cdef object lose(self, bint is_asking)
    @cython.locals(is_old="bint")
    cdef object tell(self, long long now_ns)
    cdef object finish(self, bint is_asking)
    @cython.locals(pairer=Pairer)
    cdef Parser _parser(self, Message message, object way)
