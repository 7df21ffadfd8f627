"""Values of features, as the store packs them (doc/FORMAT.md, "Tables")."""
import ctypes

PLAIN, BY_ZSTD, PACKED_MAX = 0, 1, 2 << 20
zstd = ctypes.CDLL("libzstd.so.1")
zstd.ZSTD_decompress.restype = ctypes.c_size_t
zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]


def unpack(data):
    """The values of a leaf, in order."""
    how, data = data[0], data[1:]
    if how == BY_ZSTD:
        room = ctypes.create_string_buffer(PACKED_MAX)
        size = zstd.ZSTD_decompress(room, PACKED_MAX, data, len(data))
        data = room.raw[:size]
    at = 0
    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value
    sizes = [varint() for _ in range(varint())]
    values = []
    for size in sizes:
        values.append(data[at:at + size])
        at += size
    assert at == len(data)
    return values


def pack(values):
    """The same, not compressed."""
    def varint(value):
        low = bytes([value & 0x7f | (0x80 if value > 0x7f else 0)])
        return low + varint(value >> 7) if value > 0x7f else low
    return bytes([PLAIN]) + varint(len(values)) + b"".join(varint(len(value)) for value in values) + b"".join(values)
