cimport cython

from rings.head cimport Fields
from rings.http1 cimport Parser
from rings.limits cimport Budget, Limits
from rings.memory cimport read_be16
from rings.packet cimport Segment
from rings.pairing cimport Pairer
from rings.protocol cimport REQUEST, RESPONSE, UNKNOWN
from rings.stats cimport Stats
from rings.stream cimport Piece, Stream


cdef class View:
    cdef public unsigned int interface
    cdef public Stats stats
    cdef Fields fields
    cdef public dict streams
    cdef public object own, monitored, translation, proxy

    cpdef bint reports(self, bytes client, bytes server) except -1


cdef class Connection:
    cdef public View view
    cdef public long long number, last_ns, waiting_since_ns
    cdef public bint is_elsewhere, is_closed, is_decided, is_reset
    cdef public Pairer pairer
    cdef public Stream first, second

    @cython.locals(first=Stream, second=Stream, is_over="bint", waited_ns="long long")
    cpdef bint settle(self, long long now_ns, Limits limits) except -1
    cpdef object close(self, bint is_reset)
    cpdef object forget(self)
    cdef object _untie(self, Stream stream)
    @cython.locals(stream=Stream)
    cdef Stream _make_stream(self, Limits limits, int role, bytes key)
    @cython.locals(pairer=Pairer, size=Py_ssize_t)
    cdef object _assign(self, bytes client_key)
    @cython.locals(view=View, pairer=Pairer, is_server="bint")
    cdef bint _is_reported(self) except -1
    cdef bint _skip_acknowledged(self) except -1
    @cython.locals(first=Stream, second=Stream, one=Piece, other=Piece, oldest=Stream)
    cdef object _force(self)
