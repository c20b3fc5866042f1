cimport cython

from rings.memory cimport append
from rings.message cimport Message
from rings.packing cimport (
    pack_array, pack_integer, pack_octets, pack_text, pack_truth,
)


cdef Py_ssize_t _FACT_FIELDS, _LONGEST_TARGET, _LONGEST_OPERATION, _TALLY_BYTES
cdef Py_ssize_t _RECORD_BYTES, _MARKS
cdef long long _INTERVAL_NS
cdef int _QUERY, _FRAGMENT


cdef class Tally:
    cdef long long exchanges, truncated, request_bytes, response_bytes
    cdef long long first_ns, last_ns, waited_ns

    cdef object add(self, Message request, Message response)
    cdef object pack(self, bytearray target, bytes key)


cdef class Batch:
    cdef readonly bytes key
    cdef readonly long long opened_ns, exchanges
    cdef readonly Py_ssize_t size, records
    cdef bytes server
    cdef int port
    cdef dict _tallies
    cdef bytearray _records

    @cython.locals(tally=Tally)
    cdef object add_fact(self, bytes key, Message request, Message response)
    @cython.locals(tally=Tally, target=bytearray, request_keep=Py_ssize_t,
                   response_keep=Py_ssize_t, room=Py_ssize_t, size=Py_ssize_t, is_cut="bint")
    cdef bint add_record(self, bytes key, Message request, Message response, int port,
                         Py_ssize_t most) except -1
    @cython.locals(target=bytearray, tally=Tally)
    cpdef bytes packed(self, unsigned int version, bytes node)


@cython.locals(target=bytearray, head="const unsigned char*", end=Py_ssize_t,
               place=Py_ssize_t, waited="long long", octaves=int)
cdef bytes fact_key(Message request, Message response, bytes client, bytes identity,
                    unsigned long long shape, bytes operation)
@cython.locals(data="const unsigned char*")
cdef object _pack_message(bytearray target, Message message, Py_ssize_t keep)
@cython.locals(heads=Py_ssize_t)
cdef Py_ssize_t record_bytes(Message request, Message response, bytes key) except -1
