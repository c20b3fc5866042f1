cimport cython

from rings.pairs.message cimport Message, Pair


cdef str _NOTHING
cdef tuple PROTOCOLS, _NO_ANSWER

@cython.locals(request=Message, response=Message, asked=tuple, answered=tuple, gaps="long long")
cpdef object line(str file, Pair pair, Py_ssize_t limit)
@cython.locals(is_whole=bint)
cdef tuple _content(Message message, Py_ssize_t limit)
cdef str _text(bytes head, Py_ssize_t start, Py_ssize_t end)
