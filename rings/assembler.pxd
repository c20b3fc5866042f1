cimport cython

from rings.block cimport Block, Frame
from rings.flow cimport Connection, View
from rings.limits cimport Budget, Limits
from rings.memory cimport swapped
from rings.packet cimport (
    ACK, FRAGMENT, NOT_IP, NOT_TCP, RST, SAMPLE, SEGMENT, SYN, Segment,
)
from rings.shedding cimport flow_number
from rings.stats cimport Stats
from rings.stream cimport Stream


cdef long long _SWEEP_NS
cdef int _EVICTED_SHARE


cdef class Assembler:
    cdef public Limits limits
    cdef public Budget budget
    cdef public dict views
    cdef public Stats stats
    cdef public long long now_ns
    cdef View _view
    cdef Stream _last
    cdef list _pairs
    cdef dict _waiting
    cdef long long _open, _number, _swept_ns
    cdef Frame _frame
    cdef Segment _segment

    @cython.locals(frame=Frame, segment=Segment, view=View, stats=Stats, kind=int,
                   size="long long")
    cpdef list feed(self, Block block)
    cpdef list expire(self, long long now_ns)
    @cython.locals(view=View)
    cpdef View view(self, unsigned int interface)
    @cython.locals(view=View, stream=Stream, connection=Connection)
    cpdef list shed(self, unsigned int level, unsigned int seed)
    cdef list _taken(self)
    @cython.locals(size=Py_ssize_t, stream=Stream, connection=Connection)
    cdef object _take(self, View view, Segment segment)
    @cython.locals(last=Stream, key=bytes)
    cdef Stream _found(self, View view, Segment segment)
    @cython.locals(flags=int, connection=Connection, is_answer="bint",
                   is_start="bint", opposite=bytes)
    cdef Stream _opened(self, View view, Segment segment, Py_ssize_t size)
    @cython.locals(is_answer="bint")
    cdef Stream _reopened(self, Stream stream, Segment segment)
    @cython.locals(connection=Connection)
    cdef object _settle_waiting(self, long long now_ns)
    @cython.locals(view=View, stream=Stream, connection=Connection,
                   silent_ns="long long", is_over="bint")
    cdef object _sweep(self, long long now_ns)
    cdef object _evict(self)
    @cython.locals(stream=Stream)
    cdef object _forget_all(self, View view)
    cdef object _forget(self, Connection connection)


cdef object _count_other(Stats stats, int kind)
