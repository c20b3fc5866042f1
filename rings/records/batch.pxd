cimport cython

from rings.memory cimport append, resize
from rings.pairs.message cimport Message, Pair
from rings.records.packing cimport (
    pack_array, pack_integer, pack_octets, pack_octets_size, pack_text,
    pack_truth,
)


cdef Py_ssize_t _FACT_FIELDS, _LONGEST_TARGET, _LONGEST_OPERATION, _TALLY_BYTES
cdef Py_ssize_t _RECORD_BYTES, _MESSAGE_END_BYTES, _LARGE_BYTES, _MARKS
cdef long long _INTERVAL_NS
cdef int _QUERY, _FRAGMENT


cdef class Tally:
    cdef long long exchanges, parts, truncated, request_bytes, response_bytes
    cdef long long first_ns, last_ns, waited_ns

    cdef object add(self, Message request, Message response, int exchanges, int part)
    cdef object pack(self, bytearray target, bytes key)


cdef class Batch:
    cdef readonly bytes key
    cdef readonly long long opened_ns, exchanges
    cdef readonly Py_ssize_t size, records
    cdef bytes server
    cdef int port
    cdef dict _tallies
    cdef bytearray _records
    cdef list _pieces
    cdef Py_ssize_t _room

    @cython.locals(tally=Tally)
    cdef object add_fact(self, bytes key, Pair pair, Message response)
    @cython.locals(tally=Tally, target=bytearray, request_keep=Py_ssize_t,
                   response_keep=Py_ssize_t, room=Py_ssize_t, start=Py_ssize_t, is_cut="bint",
                   request=Message)
    cdef bint add_record(self, bytes key, Pair pair, Message response, int port,
                         Py_ssize_t most) except -1
    @cython.locals(target=bytearray, size=Py_ssize_t)
    cdef object _reserve(self, Py_ssize_t more)
    @cython.locals(target=bytearray, start=Py_ssize_t, data="const unsigned char*")
    cdef object _add_message(self, Message message, Py_ssize_t keep)
    @cython.locals(target=bytearray, tally=Tally)
    cpdef bytes packed(self, unsigned int version, bytes node)


@cython.locals(target=bytearray, head="const unsigned char*", end=Py_ssize_t,
               place=Py_ssize_t, waited="long long", octaves=int)
cdef bytes fact_key(Message request, Message response, bytes client, bytes identity,
                    unsigned long long shape, bytes operation)
@cython.locals(heads=Py_ssize_t)
cdef Py_ssize_t record_bytes(Message request, Message response, bytes key) except -1
