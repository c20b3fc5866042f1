cimport cython

from rings.bodies.keeping cimport Keeper
from rings.http1.chunked cimport CHUNK_DATA, CHUNKS_BAD, CHUNKS_DONE, Chunks
from rings.http1.head cimport LENGTH_ABSENT, LENGTH_BAD, Fields, find_head_end
from rings.limits cimport Budget, Limits
from rings.http2.protocol cimport is_preface
from rings.memory cimport append, copy
from rings.pairs.message cimport Message
from rings.http1.protocol cimport HTTP2, NOT_HTTP
from rings.stats cimport Stats


cdef int HEAD_OPEN, HEAD_DONE, HEAD_BAD
cdef int BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE, MESSAGE_DONE, MESSAGE_BAD


# Final, so that its own methods are called without a table and can be inlined.
@cython.final
cdef class Framer:
    cdef int phase
    cdef Message message
    cdef long long remaining
    cdef Keeper keeper
    cdef bytearray buffer
    cdef Chunks chunks
    cdef bint is_http2, is_due
    cdef Fields fields
    cdef Budget budget
    cdef Limits limits
    cdef Stats stats

    @cython.locals(stop=Py_ssize_t)
    cdef Py_ssize_t read_head(self, const unsigned char* data, Py_ssize_t start,
                              Py_ssize_t end) except -1
    cdef object resume(self, bytearray line)
    cdef bint is_over(self, Py_ssize_t size) except -1
    cdef int refuse(self)
    @cython.locals(fields=Fields, length="long long")
    cdef object begin_body(self, long long absent)
    @cython.locals(size=Py_ssize_t, is_all="bint")
    cdef Py_ssize_t read_body(self, const unsigned char* data, Py_ssize_t start,
                              Py_ssize_t end) except -1
    @cython.locals(chunks=Chunks)
    cdef bint skip(self, long long length) except -1
    @cython.locals(message=Message)
    cdef Message end(self, long long position)
    cdef object let_go(self)
    @cython.locals(message=Message, stats=Stats)
    cdef object drop(self)
    @cython.locals(buffer=bytearray, known=Py_ssize_t, stop=Py_ssize_t)
    cdef Py_ssize_t _join_head(self, const unsigned char* data, Py_ssize_t start,
                               Py_ssize_t end) except -1
    cdef Py_ssize_t _await_head(self, Py_ssize_t start, Py_ssize_t end) except -1
    @cython.locals(message=Message, fields=Fields)
    cdef object _end_head(self, bytes head)
    cdef object _pass(self, long long size)
    @cython.locals(chunks=Chunks, begin=Py_ssize_t, size=Py_ssize_t)
    cdef Py_ssize_t _read_chunked(self, const unsigned char* data, Py_ssize_t start,
                                  Py_ssize_t end) except -1
