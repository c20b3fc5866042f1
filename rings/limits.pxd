cdef class Limits:
    # In the order of the definition, which is that of the arguments.
    cdef readonly Py_ssize_t head_bytes, body_bytes, part_bytes
    cdef readonly long long part_ns
    cdef readonly bint in_parts, keep_all_bodies, json_by_structure, tunnels, offline
    cdef readonly Py_ssize_t connections, pending_bytes, pending_segments, held_bytes
    cdef readonly Py_ssize_t requests, streams
    cdef readonly long long reorder_ns, hole_ns, idle_ns, closed_ns


cdef class Budget:
    cdef public long long limit_bytes, held_bytes
