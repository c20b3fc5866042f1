cimport cython

from rings.bodies.keeping cimport Keeper
from rings.http1.head cimport Fields
from rings.http1.parser cimport Parser
from rings.limits cimport Budget, Limits
from rings.memory cimport read_be16
from rings.packets.packet cimport Segment
from rings.pairs.pairing cimport Pairer
from rings.http1.protocol cimport REQUEST, RESPONSE, UNKNOWN
from rings.stats cimport Stats
from rings.streams.stream cimport Piece, Stream


cdef class View:
    cdef public unsigned int interface
    cdef public Stats stats
    cdef Fields fields
    cdef Keeper keeper
    cdef public dict connections
    cdef public object own, monitored, translation, proxy, aliases, nodes, node_ports

    cpdef bint reports(self, bytes client, bytes server) except -1
    cpdef bint leads_on(self, bytes server, unsigned int port) except -1


# Final, so that its own methods are called without a table.
@cython.final
cdef class Connection:
    cdef public View view
    cdef public long long number, last_ns, waiting_since_ns
    cdef public bint is_elsewhere, is_closed, is_forgotten, is_decided, is_reset
    cdef public Segment opening
    cdef public Pairer pairer
    cdef public Stream first, second

    cpdef Stream stream(self, bytes key)

    cdef object tell(self, long long now_ns)
    @cython.locals(first=Stream, second=Stream)
    cdef bint is_alive(self) except -1

    @cython.locals(first=Stream, second=Stream, is_over="bint", waited_ns="long long")
    cpdef bint settle(self, long long now_ns, Limits limits) except -1
    cpdef object close(self, bint is_reset)
    @cython.locals(asking=Stream)
    cpdef object forget(self, bint is_silent)
    cdef object _drain(self)
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
