cimport cython

from rings.pairs.message cimport Message
from rings.records.shape cimport hashed, mixed


cdef Py_ssize_t _LONGEST_WORD, _MOST_SEGMENTS, _MOST_KINDS, _MOST_OF_SERVER
cdef int _MOST_DIGITS, _DIGIT, _ENDING, _SLASH, _QUERY, _FRAGMENT
cdef long long _SECOND_NS, _ACTIVE_NS
cdef double _NANO, _SIGHTS_A_SECOND, _MOST_SAVED_SECONDS
cdef unsigned long long _BEGIN
cdef bytes _OCTETS


cdef class Kind:
    cdef long long whole_ns, seen_ns


cdef class Chooser:
    cdef readonly long long delayed
    cdef double _per_second, _tokens, _sights
    cdef long long _interval_ns, _now_ns, _window_ns
    cdef unsigned long long _seed
    cdef long long _active, _active_before
    cdef dict _young, _old, _new

    @cython.locals(kind=Kind, now_ns="long long", number="unsigned long long",
                   place="unsigned long long")
    cpdef bint wants(self, Message request, Message response, bytes server,
                     unsigned long long shape, bytes operation) except -1
    @cython.locals(kind=Kind)
    cdef Kind _known(self, unsigned long long number)
    @cython.locals(count=Py_ssize_t)
    cdef bint _is_crowded(self, bytes server) except -1
    cdef object _learn(self, unsigned long long number, bytes server,
                       long long now_ns)
    @cython.locals(earned=double)
    cdef long long _advance(self, long long at_ns) noexcept
    cdef bint _is_affordable(self, Kind kind, long long now_ns) noexcept
    cdef bint _has_sight(self) noexcept


@cython.locals(head="const unsigned char*")
cdef unsigned long long _number(Message request, Message response,
                                unsigned long long number, bytes operation) noexcept
@cython.locals(place=Py_ssize_t, stop=Py_ssize_t, segments=Py_ssize_t, octet=int)
cdef unsigned long long skeleton(const unsigned char* data, Py_ssize_t start,
                                 Py_ssize_t end, unsigned long long number) noexcept
@cython.locals(kinds="const unsigned char*", place=Py_ssize_t, flags=int, digits=int,
               octet_flags=int, is_word="bint", number="unsigned long long",
               ending=Py_ssize_t)
cdef unsigned long long _segment(const unsigned char* data, Py_ssize_t start,
                                 Py_ssize_t end) noexcept
