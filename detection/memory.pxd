from libc.string cimport memchr


cdef inline Py_ssize_t string_end(
    const unsigned char* data, Py_ssize_t start, Py_ssize_t end
) noexcept:
    cdef const unsigned char* limit = data + end
    cdef const unsigned char* place = data + start
    cdef const unsigned char* close
    cdef const unsigned char* escape
    while place < limit:
        close = <const unsigned char*>memchr(place, c'"', limit - place)
        if close == NULL:
            close = limit
        while place <= close:
            escape = <const unsigned char*>memchr(place, c'\\', close - place)
            if escape == NULL:
                return close - data
            place = escape + 2
    return end
