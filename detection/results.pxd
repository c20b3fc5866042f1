cimport cython

from detection.candidate cimport Candidate


cdef class Results:
    cdef dict _found
    cdef set _ended

    @cython.locals(candidate=Candidate, key=tuple, entry=list)
    cpdef object take(self, list candidates, object location, str path, object _)
    cpdef object end(self, object location)
    @cython.locals(found=list, likely=set, key=tuple, likelihood=int, is_likely="bint",
                   candidate=Candidate, findings=list, is_least="bint")
    cpdef list findings(self, object levels)
