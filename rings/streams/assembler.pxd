cimport cython

from rings.packets.block cimport Block, Frame
from rings.streams.flow cimport Connection, View
from rings.limits cimport Budget, Limits
from rings.memory cimport swapped
from rings.packets.packet cimport (
    ACK, FRAGMENT, NOT_IP, NOT_TCP, RST, SAMPLE, SEGMENT, SYN, Segment,
)
from rings.streams.sequence cimport advanced
from rings.packets.shedding cimport flow_number
from rings.stats cimport Stats
from rings.streams.stream cimport Stream


cdef long long _SWEEP_NS
cdef int _EVICTED_SHARE


cdef class Assembler:
    cdef public Limits limits
    cdef public Budget budget
    cdef public dict views
    cdef public Stats stats
    cdef public long long now_ns
    cdef View _view
    cdef Connection _last
    cdef list _pairs
    cdef dict _waiting
    cdef long long _open, _number, _swept_ns
    cdef Frame _frame
    cdef Segment _segment

    @cython.locals(frame=Frame, segment=Segment, view=View, stats=Stats, kind=int,
                   size="long long")
    cpdef list feed(self, Block block)
    @cython.locals(frame=Frame, segment=Segment, view=View, stats=Stats, kind=int,
                   size="long long")
    cpdef object leave(self, Block block)
    cpdef list expire(self, long long now_ns)
    @cython.locals(view=View)
    cpdef View view(self, unsigned int interface)
    @cython.locals(view=View, connection=Connection)
    cpdef list shed(self, unsigned int level, unsigned int seed)
    cdef list _taken(self)
    @cython.locals(size=Py_ssize_t, stream=Stream, connection=Connection)
    cdef object _take(self, View view, Segment segment)
    @cython.locals(last=Connection, key=bytes)
    cdef Connection _found(self, View view, Segment segment)
    @cython.locals(flags=int, is_answer="bint", is_start="bint", opposite=bytes)
    cdef Connection _opened(self, View view, Segment segment, Py_ssize_t size)
    cdef Connection _reopened(self, Connection connection, Stream stream,
                              Segment segment)
    cdef bint _is_doubtful(self, Connection connection, Stream stream,
                           Segment segment) except -1
    @cython.locals(opening=Segment, is_same="bint", number="unsigned int",
                   opened=Stream, anew=Connection)
    cdef Connection _confirmed(self, View view, Connection connection,
                               Segment segment)
    @cython.locals(connection=Connection)
    cdef object _settle_waiting(self, long long now_ns)
    @cython.locals(view=View, connection=Connection,
                   silent_ns="long long", is_over="bint")
    cdef object _sweep(self, long long now_ns)
    cdef object _evict(self)
    @cython.locals(connection=Connection)
    cdef object _forget_all(self, View view)
    cdef object _forget(self, Connection connection, bint is_silent)


@cython.locals(first=Stream, second=Stream)
cdef Stream _stream(Connection connection, bytes key)
cdef bint _is_own(Stream stream, Segment segment) except -1
@cython.locals(size="long long")
cdef object _count_headers(Stats stats, Segment segment, Frame frame)
@cython.locals(size="long long")
cdef object _count_sample(Stats stats, Segment segment)
cdef object _count_other(Stats stats, int kind)
