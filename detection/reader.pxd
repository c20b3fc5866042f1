cimport cython

from detection.fields cimport Field, Place
from detection.walker cimport Walker
from detection.judge cimport Judge, Surroundings


cdef int _KEY, _WORD, _FIRST_RULE, _SPOKEN_HIT
cdef Py_ssize_t _KEY_LIMIT, _TEXT_LIMIT, _KEPT_LIMIT, _WORK_LIMIT, _HIT_LIMIT
cdef Py_ssize_t _FIELD_LIMIT
cdef long long _HIT_MASK


cdef class Circle:
    cdef readonly tuple above, beside
    cdef readonly frozenset above_types
    cdef readonly dict plans


cdef class Plan:
    cdef readonly Surroundings around
    cdef readonly str path
    cdef readonly bint is_told, is_said


cdef class Reader:
    cdef readonly object scan, book
    cdef readonly Judge judge
    cdef Walker _walker
    cdef dict _roots, _speaking
    cdef Py_ssize_t _kept

    @cython.locals(root=Place, start=Py_ssize_t, end=Py_ssize_t)
    cpdef object read(self, object part, list hits, Py_ssize_t first, Py_ssize_t stop,
                      object sink)
    cpdef bint speaks(self, bytes key) except -1
    @cython.locals(circle=Circle)
    cpdef Circle circle(self, Place container, tuple keys)
    @cython.locals(plan=Plan, around=Surroundings, place=Place, key=bytes, name=bytes)
    cpdef Plan plan(self, Circle circle, Field field)


@cython.no_gc
cdef class Reading:
    cdef Reader _reader
    cdef Judge _judge
    cdef object _part, _document, _location, _sink
    cdef bytes _data
    cdef bint _is_cut, _is_flat
    cdef list _fields, _judged
    cdef dict _known, _told, _circles, _countries, _labels

    @cython.locals(field=Field, key=bytes, keys=dict, plan=Plan)
    cpdef object run(self)
    @cython.locals(serial=Py_ssize_t, candidates=list, path=str, text=str)
    cdef object _give(self)
    @cython.locals(circle=Circle, keys=dict, beside=tuple)
    cdef Plan _plan(self, Field field)
    @cython.locals(raw=bytes, text=str, candidates=list, kept=list)
    cdef object _judge_key(self, Field field)
    @cython.locals(data="const unsigned char*", raw=bytes, text=str, path=str, hits=set, labels=Py_ssize_t,
                   is_spoken="bint",
                   is_cut="bint", is_plain="bint", candidates=list)
    cdef object _judge_value(self, Field field, Plan plan)
    @cython.locals(start=Py_ssize_t, kept=list)
    cdef list _undoubted(self, Field field, Plan plan, str text, list candidates)
    @cython.locals(end=Py_ssize_t, country=str)
    cdef str _country_beside(self, Field field)
    @cython.locals(found=list, hit="long long", rule="long long")
    cdef set _rules(self, Field field, str text)
    cdef bint _read_inside(self, Field field, str text, str path) except -1
    cdef str _path(self, Field field, bytes key)


@cython.locals(text=str)
cdef str _unescaped(bytes raw)
