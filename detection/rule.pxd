cdef int _POSSIBLE


cdef class Judged:
    cdef readonly Py_ssize_t number
    cdef readonly str data_type, label
    cdef readonly object fullmatch, search, finditer, validate
    cdef readonly dict forms
    cdef readonly bint takes_country, asks_all, is_abroad
    cdef readonly int start
    cdef readonly bint needs_key, doubts, is_nested

    cpdef object validated(self, str value, str country=*)
    cpdef bint is_local(self)
    cpdef bint proves(self, object verdict)
