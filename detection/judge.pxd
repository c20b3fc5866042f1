cimport cython

from detection.candidate cimport Candidate
from detection.rule cimport Judged


cdef int _MATCH_LIMIT, _WORK_LIMIT, _WEIGHING, _ASKING_ALL, _WORDS_BEFORE


cdef class Surroundings:
    cdef readonly dict told, phrases
    cdef readonly list judged, unsearched
    cdef list judged_by_hit
    cdef Py_ssize_t hit
    cdef bint is_plain
    cdef readonly frozenset above, beside, own
    cdef readonly bint is_doubtful, seeks_country
    cdef readonly str country
    cdef readonly tuple context


cdef class Judge:
    cdef object _book
    cdef readonly list rules, lone_hits
    cdef dict _sharing, _by_type
    cdef public Py_ssize_t work, labels
    cdef public bint is_ended
    cdef str _beside, _value
    cdef bint _is_blob
    cdef object _asked, _answer

    @cython.locals(judged=list, found=list, rule=Judged)
    cpdef list candidates(self, str text, set hits, Surroundings around,
                          bint is_cut=*, bint is_spoken=*, str beside=*,
                          bint is_plain=*)
    @cython.locals(hit=Py_ssize_t, judged=list)
    cdef list _with_one(self, str text, set hits, Surroundings around, bint is_plain)
    @cython.locals(numbers=set, rule=Judged)
    cdef list _all(self, str text, set hits, list judged, bint is_spoken)
    cdef bint _is_worked_out(self) except -1
    @cython.locals(bare=str, is_label="bint", is_told="bint", matches=int)
    cdef object _run(self, Judged rule, str text, Surroundings around, bint is_cut,
                     list found)
    @cython.locals(spans=dict, value=str, is_prose="bint")
    cdef object _run_inside(self, Judged rule, str text, Surroundings around,
                            bint is_told, bint is_cut, list found)
    @cython.locals(value=str, start=Py_ssize_t, end=Py_ssize_t, letters=Py_ssize_t,
                   context=tuple, support=int, doubt=int, is_alone="bint", proof=int,
                   cut=int, total=int, likelihood=int, is_named="bint", is_nothing="bint",
                   phrase=str)
    cdef object _weigh(self, Judged rule, object match, str text, Surroundings around,
                       bint is_cut, list found)
    cdef object _verdict(self, Judged rule, str value)
    @cython.locals(name=str, before=str, after=str, support=list, words=list)
    cdef tuple _context(self, Judged rule, str text, Py_ssize_t start, Py_ssize_t end,
                        Surroundings around)
