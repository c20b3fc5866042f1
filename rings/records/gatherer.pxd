cimport cython

from rings.records.batch cimport Batch, fact_key, record_bytes
from rings.records.chooser cimport Chooser
from rings.pairs.message cimport Message, Pair
from rings.records.operation cimport operation as called
from rings.records.shape cimport Shapes


cdef long long _AGE_NS
cdef Py_ssize_t _MOST_HELD, _BATCH_BYTES


cdef class Gatherer:
    cdef public Py_ssize_t most_bytes
    cdef public object behind_proxy
    cdef readonly long long records, records_cut
    cdef unsigned int _version
    cdef bytes _node
    cdef Chooser _chooser
    cdef Shapes _shapes
    cdef object _identify
    cdef dict _open
    cdef list _done
    cdef Py_ssize_t _held

    @cython.locals(pair=Pair, response=Message)
    cpdef list feed(self, list pairs, long long now_ns)
    @cython.locals(batch=Batch)
    cpdef list expire(self, long long now_ns)
    @cython.locals(batch=Batch)
    cpdef list close(self)
    @cython.locals(request=Message, batch=Batch, shape="unsigned long long", server=bytes, client=bytes,
                   identity=bytes, body=bytes, operation=bytes, key=bytes, size=Py_ssize_t,
                   port=int, most=Py_ssize_t)
    cdef object _take(self, Pair pair, Message response, long long now_ns)
    @cython.locals(batch=Batch)
    cdef Batch _batch(self, bytes key, Pair pair, long long now_ns)
    cdef object _finish(self, Batch batch)
    cdef list _taken(self)


@cython.locals(octets=bytearray)
cdef bytes server_key(Pair pair)
