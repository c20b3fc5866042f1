cimport cython

from rings.http1.parser cimport Parser
from rings.limits cimport Budget, Limits
from rings.memory cimport copy
from rings.packets.packet cimport ACK, FIN, SYN, Segment
from rings.streams.sequence cimport advanced, distance
from rings.stats cimport Stats


cdef Py_ssize_t PIECE_BYTES
cdef long long _WINDOW_BYTES


cdef class Piece:
    cdef public long long position, acknowledged, timestamp_ns
    cdef public bytes data
    cdef public Py_ssize_t missing
    cdef public bint is_last, is_trimmed


cdef class Stream:
    cdef public Parser parser
    cdef public Stats stats
    cdef public Stream peer
    cdef public bytes key
    cdef public long long next, acknowledged
    cdef public unsigned int next_sequence
    cdef public bint is_placed, is_seen, is_ended
    cdef public list pieces
    cdef public Py_ssize_t pending_bytes
    cdef long long late_start, late_end
    cdef Limits limits
    cdef Budget budget

    @cython.locals(peer=Stream, sequence="unsigned int", position="long long",
                   acknowledged="long long", size=Py_ssize_t, is_last="bint")
    cpdef bint feed(self, Segment segment) except -1
    cpdef bint opens(self, unsigned int sequence) except -1
    @cython.locals(away="long long")
    cdef bint had(self, unsigned int sequence) except -1
    @cython.locals(away="long long")
    cdef bint is_far(self, unsigned int sequence) except -1
    @cython.locals(position="long long")
    cpdef long long learn(self, unsigned int acknowledgement) except? -1
    @cython.locals(peer=Stream, away="long long")
    cdef object hear_reset(self, unsigned int acknowledgement)
    @cython.locals(moved="bint", piece=Piece)
    cpdef bint drain(self) except -1
    @cython.locals(length="long long")
    cpdef object skip(self, long long position)
    @cython.locals(peer=Stream, piece=Piece, hole_end="long long")
    cdef bint skip_acknowledged(self) except -1
    @cython.locals(piece=Piece)
    cpdef object force(self)
    cpdef bint is_over_limit(self) except -1
    cpdef object end(self, bint is_reset)
    cdef object _end_by_fin(self)
    cdef object _place(self, unsigned int sequence)
    cdef object _advance(self, long long length)
    @cython.locals(position="long long")
    cdef object _deliver(self, Segment segment, Py_ssize_t size,
                         long long acknowledged, bint is_last)
    @cython.locals(late="long long")
    cdef object _count_known(self, long long position, long long size)
    @cython.locals(start=Py_ssize_t, end=Py_ssize_t, size=Py_ssize_t,
                   known=Py_ssize_t, piece=Piece, before=Piece,
                   place=Py_ssize_t, is_trimmed="bint")
    cdef object _hold(self, Segment segment, long long position,
                      long long acknowledged, bint is_last)
    @cython.locals(size=Py_ssize_t, known=Py_ssize_t, position="long long",
                   missing="long long")
    cdef object _deliver_piece(self, Piece piece)
