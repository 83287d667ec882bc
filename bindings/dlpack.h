#pragma once

#include <cstdint>

/// DLPack's binary interface (github.com/dmlc/dlpack, version 1.0), as far as arrays cross here.
namespace flockstep::dlpack {

enum DeviceType : int32_t { cpu = 1, cuda = 2, pinned = 3 };
enum TypeCode : uint8_t {
    signed_integer = 0,
    unsigned_integer = 1,
    floating = 2,
    brain_float = 4,
    complex_number = 5,
    boolean = 6
};

struct Device {
    int32_t type, index;
};
struct DataType {
    uint8_t code, bits;
    uint16_t lanes;
};
/// strides: in elements; null means row-major.
struct Tensor {
    void* data;
    Device device;
    int32_t dimensions;
    DataType dtype;
    int64_t* shape;
    int64_t* strides;
    uint64_t byte_offset;
};
/// What a capsule named "dltensor" points to; once taken it is called "used_dltensor".
struct Managed {
    Tensor tensor;
    void* context;
    void (*deleter)(Managed*);
};
/// What a capsule named "dltensor_versioned" points to.
struct ManagedVersioned {
    uint32_t major, minor;
    void* context;
    void (*deleter)(ManagedVersioned*);
    uint64_t flags;
    Tensor tensor;
};
inline constexpr uint64_t flag_is_copied = 2;

inline const char* name_of_capsule(const Managed*) { return "dltensor"; }
inline const char* name_of_capsule(const ManagedVersioned*) { return "dltensor_versioned"; }

}  // namespace flockstep::dlpack
