#include <pybind11/stl.h>

#include <stdexcept>

#include "bindings/array.h"
#include "bindings/convert.h"
#include "io/quote.h"

namespace py = pybind11;

namespace flockstep {

namespace {
constexpr size_t max_sentence = 4000;  // bytes

[[noreturn]] void refuse(const std::string& name, const std::string& got, const std::string& want) {
    throw std::invalid_argument(name + ": got " + got + ", want " + want);
}
/// A text for C++. A file name that is not UTF-8, as os.fsdecode gives it, becomes the file's own bytes again.
std::string bytes_of(const std::string& name, const py::object& text) {
    const auto encoded =
        py::reinterpret_steal<py::object>(PyUnicode_AsEncodedString(text.ptr(), "utf-8", "surrogateescape"));
    if (encoded) return py::bytes(encoded);
    PyErr_Clear();
    const std::string shown = py::str(py::reinterpret_steal<py::object>(PyObject_ASCII(text.ptr())));
    refuse(escaped(name), escaped(shown), "text that UTF-8 can hold");
}
std::string type_of(py::handle value) {
    return value.is_none() ? "None" : py::str(py::type::handle_of(value).attr("__name__"));
}

bool is_list(py::handle value) {
    return py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value) || py::isinstance<py::array>(value);
}
/// Lists, tuples and numpy arrays of numbers, nested or not, as the text of JSON that settings take.
std::string list_text(const std::string& name, py::object value) {
    try {
        if (py::isinstance<py::array>(value)) value = value.attr("tolist")();
        return py::str(py::module_::import("json").attr("dumps")(
            value,
            py::arg("default") = py::cpp_function([](const py::object& number) { return number.attr("tolist")(); })));
    } catch (const py::error_already_set&) {
        refuse(name, "a list of something else", "one of numbers");
    }
}

/// An integer of more than 64 bits; thousands of digits are not written out.
std::string large_text(const py::object& integer) {
    const auto bits = integer.attr("bit_length")().cast<int64_t>();
    if (bits > 300) return "an integer of " + std::to_string(bits) + " bits";
    return py::str(integer);
}

Value value_of(const std::string& name, py::object value) {
    if (py::hasattr(value, "__fspath__")) value = value.attr("__fspath__")();
    if (py::isinstance<py::bytes>(value)) return std::string(py::reinterpret_borrow<py::bytes>(value));
    if (py::hasattr(value, "dtype") && py::hasattr(value, "item") && py::len(value.attr("shape")) == 0)
        value = value.attr("item")();
    if (is_list(value)) return list_text(name, value);
    if (py::isinstance<py::bool_>(value)) return value.cast<bool>();
    if (py::isinstance<py::str>(value)) return bytes_of(name, value);
    if (py::isinstance<py::float_>(value)) return value.cast<double>();
    if (!py::isinstance<py::int_>(value)) refuse(name, type_of(value), "true or false, a number, a string or a list");
    int overflow = 0;
    const int64_t number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    if (overflow) refuse(name, large_text(value), "an integer from -9223372036854775808 to 9223372036854775807");
    return number;
}

py::dict part_of(const ObservationPart& part) {
    py::dict result;
    result["name"] = part.name;
    result["shape"] = py::tuple(py::cast(part.shape));
    result["low"] = part.low;
    result["high"] = part.high;
    result["enabled"] = part.enabled;
    return result;
}
py::dict part_of(const ActionPart& part) {
    constexpr const char* kinds[] = {"discrete", "multi_discrete", "box"};
    py::dict result;
    result["name"] = part.name;
    result["kind"] = kinds[int(part.kind)];
    result["n"] = part.n;
    result["size"] = part.size;
    result["low"] = part.low;
    result["high"] = part.high;
    result["default_choice"] = part.default_choice.empty() ? std::vector<int>(part.n.size()) : part.default_choice;
    return result;
}
}  // namespace

std::string text_argument(const char* name, const py::object& given) {
    if (!py::isinstance<py::str>(given)) refuse(name, type_of(given), "a string");
    return bytes_of(name, given);
}

Settings settings_of(const py::dict& given) {
    Settings settings;
    for (const auto& [key, value] : given) {
        const std::string name = bytes_of("settings", py::str(key));
        settings.set(name, value_of(name, py::reinterpret_borrow<py::object>(value)));
    }
    return settings;
}

namespace {
/// The str that bytes_of would take back.
py::object text_of(const std::string& bytes) {
    const auto text = py::reinterpret_steal<py::object>(
        PyUnicode_DecodeUTF8(bytes.data(), py::ssize_t(bytes.size()), "surrogateescape"));
    if (!text) throw py::error_already_set();
    return text;
}
}  // namespace

py::dict to_dict(const Settings& settings) {
    py::dict result;
    for (const auto& [name, value] : settings.values()) {
        const auto* text = std::get_if<std::string>(&value);
        result[py::str(name)] = text ? text_of(*text) : py::cast(value);
    }
    return result;
}

py::dict to_dict(const EnvironmentEntry& entry) {
    py::list settings;
    for (const FieldDescription& field : entry.info.fields) {
        py::dict line;
        line["name"] = field.name;
        line["type"] = field.type;
        line["default"] = field.default_value;
        line["want"] = field.expected;
        line["help"] = field.help;
        settings.append(line);
    }
    py::dict result;
    result["name"] = entry.name;
    result["summary"] = entry.info.summary;
    result["is_test"] = entry.is_test;
    result["settings"] = settings;
    py::dict ids;
    for (const GymnasiumEntry& known : entry.info.gymnasium_ids) ids[py::str(known.id)] = to_dict(known.settings);
    result["gymnasium_ids"] = ids;
    return result;
}

py::list to_list(const Spaces& spaces) {
    py::list roles;
    for (const Role& role : spaces.roles) {
        py::list observation, action;
        for (const ObservationPart& part : role.observation_parts) observation.append(part_of(part));
        for (const ActionPart& part : role.action_parts) action.append(part_of(part));
        py::dict line;
        line["name"] = role.name;
        line["first"] = role.first;
        line["count"] = role.count;
        line["observation"] = observation;
        line["action"] = action;
        roles.append(line);
    }
    return roles;
}

py::array to_array(FieldValue value) {
    const std::vector<py::ssize_t> shape(value.shape.begin(), value.shape.end());
    auto* bytes = new std::vector<char>(std::move(value.bytes));
    const py::capsule base(bytes, [](void* held) { delete static_cast<std::vector<char>*>(held); });
    return py::array(numpy_dtype(value.dtype), shape, bytes->data(), base);
}

FieldValue field_of(const std::string& name, const py::array& given) {
    const py::array array = py::module_::import("numpy").attr("ascontiguousarray")(given);
    const std::string type = py::str(array.dtype());
    FieldValue value{name, DType::bit, std::vector<int64_t>(given.shape(), given.shape() + given.ndim()), {}};
    for (int d = int(DType::uint8); d <= int(DType::float64); ++d)
        if (type == name_of(DType(d))) value.dtype = DType(d);
    if (type == "bool") value.dtype = DType::uint8;
    if (value.dtype == DType::bit)
        refuse("field " + name, type + " " + shape_text(value.shape),
               "integers, float32 or float64 in native byte order");
    const char* data = static_cast<const char*>(array.data());
    value.bytes.assign(data, data + array.nbytes());
    return value;
}

int choice_of(const char* what, const std::string& given, std::initializer_list<const char*> names) {
    std::string list;
    int index = 0;
    for (const char* name : names) {
        if (given == name) return index;
        list += (index ? index + 1 == int(names.size()) ? " or " : ", " : "") + std::string(name);
        ++index;
    }
    refuse(what, in_quotes(given), list);
}

void register_sentences() {
    py::register_local_exception_translator([](std::exception_ptr thrown) {
        try {
            if (thrown) std::rethrow_exception(thrown);
        } catch (const std::invalid_argument& error) {
            PyErr_SetString(PyExc_ValueError, escaped(error.what(), max_sentence).c_str());
        }
    });
}

}  // namespace flockstep
