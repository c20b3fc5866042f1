cimport cython

from detection.rule cimport Judged


cdef int _POSSIBLE, _LIKELY


@cython.no_gc
cdef class Candidate:
    cdef readonly Judged judged
    cdef readonly Py_ssize_t start, end, letters
    cdef readonly object verdict
    cdef readonly tuple context, sums
    cdef readonly int likelihood
    cdef readonly str phrase


@cython.locals(part=Candidate, other=Candidate, ordered=list, kept=list)
cpdef list best(list candidates)
cdef bint _excludes(Candidate other, Candidate part)
