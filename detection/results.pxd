cimport cython

from detection.candidate cimport Candidate


cdef class Results:
    cdef dict _found

    @cython.locals(candidate=Candidate, key=tuple, entry=list)
    cpdef object take(self, list candidates, object location, str path, object _)
    @cython.locals(found=list, likely=set, key=tuple, likelihood=int)
    cpdef list findings(self, object levels)
