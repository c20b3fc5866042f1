from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr, memcmp, memcpy, memmove


cdef extern from *:
    """
    #if defined(__GNUC__)
    #define vethscope_prefetch(place) __builtin_prefetch(place)
    #else
    #define vethscope_prefetch(place)
    #endif
    """
    void vethscope_prefetch(const void* place) noexcept nogil


cdef inline void prefetch(const unsigned char* data, Py_ssize_t start) noexcept:
    vethscope_prefetch(data + start)
    vethscope_prefetch(data + start + 64)


cdef inline unsigned int read_be16(const unsigned char* data, Py_ssize_t start) noexcept:
    return (<unsigned int>data[start]) << 8 | data[start + 1]


cdef inline unsigned int read_be32(const unsigned char* data, Py_ssize_t start) noexcept:
    return (
        (<unsigned int>data[start]) << 24
        | (<unsigned int>data[start + 1]) << 16
        | (<unsigned int>data[start + 2]) << 8
        | data[start + 3]
    )


cdef inline unsigned int read_le16(const unsigned char* data, Py_ssize_t start) noexcept:
    return data[start] | (<unsigned int>data[start + 1]) << 8


cdef inline unsigned int read_le32(const unsigned char* data, Py_ssize_t start) noexcept:
    return (
        data[start]
        | (<unsigned int>data[start + 1]) << 8
        | (<unsigned int>data[start + 2]) << 16
        | (<unsigned int>data[start + 3]) << 24
    )


cdef inline bytes copy(const unsigned char* data, Py_ssize_t start, Py_ssize_t end):
    return PyBytes_FromStringAndSize(<const char*>data + start, end - start)


cdef inline bytes swapped(bytes key):
    cdef Py_ssize_t size = PyBytes_GET_SIZE(key) // 2 - 2
    cdef bytes other = PyBytes_FromStringAndSize(NULL, 2 * size + 4)
    cdef char* target = PyBytes_AS_STRING(other)
    cdef const char* source = PyBytes_AS_STRING(key)
    memcpy(target, source + size, size)
    memcpy(target + size, source, size)
    memcpy(target + 2 * size, source + 2 * size + 2, 2)
    memcpy(target + 2 * size + 2, source + 2 * size, 2)
    return other


cdef inline bytes blank(Py_ssize_t size):
    return PyBytes_FromStringAndSize(NULL, size)


cdef inline int append(
    bytearray target, const unsigned char* data, Py_ssize_t start, Py_ssize_t end
) except -1:
    cdef Py_ssize_t size = PyByteArray_GET_SIZE(target)
    PyByteArray_Resize(target, size + end - start)
    memcpy(PyByteArray_AS_STRING(target) + size, data + start, end - start)
    return 0


cdef inline Py_ssize_t find_byte(
    const unsigned char* data, int octet, Py_ssize_t start, Py_ssize_t end
) noexcept:
    if end <= start:
        return -1
    cdef const void* found = memchr(data + start, octet, end - start)
    return -1 if found == NULL else <const unsigned char*>found - data


cdef inline bint equals(
    const unsigned char* data, Py_ssize_t start, Py_ssize_t end, bytes literal
) noexcept:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(literal)
    return size == end - start and memcmp(
        data + start, PyBytes_AS_STRING(literal), size
    ) == 0


cdef inline bint starts_with(
    const unsigned char* data, Py_ssize_t start, Py_ssize_t end, bytes literal
) noexcept:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(literal)
    return end - start >= size and memcmp(
        data + start, PyBytes_AS_STRING(literal), size
    ) == 0


cdef inline bint begins(
    const unsigned char* data, Py_ssize_t start, Py_ssize_t end, bytes literal
) noexcept:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(literal)
    if size > end - start:
        size = end - start
    return memcmp(data + start, PyBytes_AS_STRING(literal), size) == 0


cdef inline bint equals_folded(
    const unsigned char* data, Py_ssize_t start, Py_ssize_t end, bytes lower
) noexcept:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(lower)
    cdef const unsigned char* wanted = <const unsigned char*>PyBytes_AS_STRING(lower)
    cdef Py_ssize_t i
    cdef unsigned char octet
    if size != end - start:
        return False
    for i in range(size):
        octet = data[start + i]
        if 65 <= octet <= 90:
            octet |= 32
        if octet != wanted[i]:
            return False
    return True


cdef inline unsigned long long read_le64(const unsigned char* data, Py_ssize_t start) noexcept:
    return (
        read_le32(data, start) | <unsigned long long>read_le32(data, start + 4) << 32
    )


cdef inline int append_be(
    bytearray target, int mark, unsigned long long number, Py_ssize_t size
) except -1:
    cdef Py_ssize_t place = PyByteArray_GET_SIZE(target)
    PyByteArray_Resize(target, place + 1 + size)
    cdef unsigned char* start = <unsigned char*>PyByteArray_AS_STRING(target) + place
    start[0] = <unsigned char>mark
    while size > 0:
        start[size] = <unsigned char>(number & 255)
        number >>= 8
        size -= 1
    return 0


cdef inline void put(
    unsigned char* target, Py_ssize_t place, const unsigned char* data,
    Py_ssize_t start, Py_ssize_t end
) noexcept:
    memcpy(target + place, data + start, end - start)


cdef inline void shift(
    unsigned char* target, Py_ssize_t place, Py_ssize_t start, Py_ssize_t end
) noexcept:
    memmove(target + place, target + start, end - start)


cdef inline void write_le32(
    unsigned char* target, Py_ssize_t place, unsigned int number
) noexcept:
    target[place] = number & 255
    target[place + 1] = number >> 8 & 255
    target[place + 2] = number >> 16 & 255
    target[place + 3] = number >> 24 & 255


cdef inline int resize(bytearray target, Py_ssize_t size) except -1:
    return PyByteArray_Resize(target, size)
