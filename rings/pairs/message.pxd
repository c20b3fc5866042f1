cdef int HTTP_1, HTTP_2, GRPC, WEBSOCKET, SSE


cdef class Message:
    cdef public bint is_request, is_json, keeps_body, truncated, is_done, is_path_unknown
    cdef public long long start, head_end, end, acknowledged, first_ns
    cdef public bytes head
    cdef public Py_ssize_t method_end, target_start, target_end, type_start, type_end
    cdef public Py_ssize_t coding_start, coding_end
    cdef bint asks_head, asks_tunnel
    cdef public int status, protocol, kind
    cdef bint is_judged
    cdef public object body
    cdef Message following
    cdef public long long body_bytes, gap_bytes, wire_bytes, held_bytes
    cdef public int division, parts
    cdef public bint is_paired, is_told
    cdef public object cutter


cdef class Pair:
    cdef public Message request, response
    cdef public long long connection
    cdef public bytes client, server
    cdef public int client_port, server_port
    cdef public unsigned int interface
    cdef public int part, exchanges
    cdef public bint is_last
