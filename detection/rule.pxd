cdef int _POSSIBLE


cdef class Judged:
    cdef readonly Py_ssize_t number
    cdef readonly str data_type, told_as, label, validator
    cdef readonly str above
    cdef readonly object match, fullmatch, search, finditer, validate
    cdef readonly dict forms
    cdef readonly bint takes_country, asks_all, is_abroad, is_secret
    cdef readonly int start
    cdef readonly bint needs_key, is_unsearched, doubts, is_nested

    cpdef object validated(self, str value, str country=*)
    cpdef bint is_local(self)
    cpdef bint proves(self, object verdict)
