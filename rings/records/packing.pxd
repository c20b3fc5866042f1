from rings.memory cimport append, append_be


cdef unsigned int _FIXED_INTEGER
cdef int _FIXED_ARRAY, _FIXED_TEXT, _FALSE, _TRUE
cdef int _BYTES_8, _BYTES_16, _BYTES_32, _INTEGER_8, _INTEGER_16, _INTEGER_32
cdef int _INTEGER_64, _TEXT_8, _ARRAY_16, _ARRAY_32

cpdef object pack_integer(bytearray target, unsigned long long number)
cpdef object pack_truth(bytearray target, bint truth)
cpdef object pack_octets(bytearray target, const unsigned char* data, Py_ssize_t start,
                        Py_ssize_t end)
cpdef object pack_octets_size(bytearray target, Py_ssize_t size)
cpdef object pack_text(bytearray target, bytes text)
cpdef object pack_array(bytearray target, Py_ssize_t size)
