cdef class Stats:
    cdef public long long frames, frames_left, not_ip, not_tcp, fragments, malformed, cut_frames
    cdef public long long bad_checksums, datagrams_lost
    cdef public long long memory_refusals, segments, shed_segments, connections, connections_evicted
    cdef public long long connections_shed, gaps, gap_bytes
    cdef public long long requests, responses, pairs, pairs_not_json, bodies_truncated
    cdef public long long unpaired_no_response, unpaired_no_request, unpaired_ambiguous
    cdef public long long broken_messages, proxy_headers, payload_bytes, header_bytes
    cdef public long long paired_bytes, not_json_bytes, unpaired_bytes, broken_bytes
    cdef public long long unsynchronized_bytes, not_http_bytes, tls_bytes, http2_bytes
    cdef public long long tunnel_bytes, proxy_header_bytes, duplicate_bytes, elsewhere_bytes
    cdef public long long untracked_bytes, shed_bytes, left_at_stop_bytes, in_flight_bytes
    cdef public long long http2_connections, http2_losses, http2_heads_unknown, http2_blocks_refused
    cdef public long long http2_streams_refused, http2_resets, http2_control_frames, http2_pushes, http2_tunnels, paths_unknown
    cdef public long long coded_streams_left
    cdef public long long websockets, websocket_losses, websocket_bytes
    cdef public long long http2_frames_bytes, path_unknown_bytes
