cimport cython
from agent.digger.row cimport Row


cdef class Counting:
    cdef public object draft, sampler
    cdef object _index, _endpoints, _inspector, _parties
    cdef set _given_up

    cpdef count(self, batch, double now)
    cpdef gather(self, double now)
    cpdef resolve(self, bytes ip, at_ns)
    cdef _count(self, bytes ip, long port, fact, record, double now)
    cdef _choose(self, edge, endpoint, kind, int choice, record, double now)
    cdef _end(self, outcome, double now)
    cdef list _told(self, job, str direction, list findings)
    cdef _meet(self, server, client, bytes ip, long port, fact, record)
    cdef _name(self, bytes ip, long long at_ns, long port)
    cdef _client(self, str identity, bytes ip, long long at_ns)


cdef bint _is_outside(workload) except -1
