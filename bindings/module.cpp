#include "bindings/module.h"

#include <pybind11/stl.h>

#include "bindings/convert.h"
#include "build_info.h"
#include "io/quote.h"
#include "sim/contract/config.h"
#include "sim/engine/memory.h"
#include "sim/engine/registry.h"

namespace py = pybind11;

namespace flockstep {

#ifdef FLOCKSTEP_WITH_TEST_ENVIRONMENTS
void register_test_environments(Registry& registry);
#endif

namespace {
void register_all() {
    register_product_environments(registry());
#ifdef FLOCKSTEP_WITH_TEST_ENVIRONMENTS
    Registry tests;
    register_test_environments(tests);
    for (EnvironmentEntry entry : tests.entries()) {
        entry.is_test = true;
        registry().add(std::move(entry));
    }
#endif
}
py::list environments(bool tests) {
    py::list list;
    for (const EnvironmentEntry& entry : registry().entries())
        if (tests || !entry.is_test) list.append(to_dict(entry));
    return list;
}
/// A keyword that nothing knows is a ValueError as other bad settings are, and a TypeError as it is for Python's own
/// constructors: clients that try keywords fall back on that, some by its words.
void bind_unknown_keyword(py::module_& module) {
    static PyObject* type = nullptr;
    const py::tuple bases = py::make_tuple(py::handle(PyExc_TypeError), py::handle(PyExc_ValueError));
    type = PyErr_NewExceptionWithDoc("flockstep.UnknownKeyword",
                                     "A keyword that neither a constructor nor the environment's settings know.",
                                     bases.ptr(), nullptr);
    if (!type) throw py::error_already_set();
    module.add_object("UnknownKeyword", type);
    py::register_local_exception_translator([](std::exception_ptr thrown) {
        try {
            if (thrown) std::rethrow_exception(thrown);
        } catch (const UnknownKey& error) {
            const std::string sentence =
                std::string(error.what()) + " (unexpected keyword argument '" + escaped(error.key) + "')";
            PyErr_SetString(type, sentence.c_str());
        }
    });
}
}  // namespace

}  // namespace flockstep

PYBIND11_MODULE(_flockstep, module) {
    using namespace flockstep;
    module.doc() =
        "The engine of Flockstep: batches of worlds, stepped in lockstep. Use it through the package flockstep.";
    module.attr("__version__") = build_version();
    register_all();
    register_sentences();
    bind_unknown_keyword(module);
    bind_array(module);
    bind_batch(module);
    module.def("environments", &environments, py::arg("tests") = false,
               "The registered environments with their settings, as dicts.");
    module.def(
        "find_device", [](const py::object& name) { return find_device(text_argument("device", name)).name(); },
        py::arg("name"),
        "'cpu' or 'cuda:N' for auto, cpu, cuda or cuda:N. ValueError that says why a GPU cannot be used.");
    module.def("cuda_unavailable_reason", &cuda_unavailable_reason, py::arg("index") = 0,
               "Why no GPU can be used, or an empty text.");
    module.def(
        "describe_device",
        [](const py::object& name) { return describe_device(find_device(text_argument("device", name))); },
        py::arg("name"), "One line on a device: its name and driver, or the number of CPU threads.");
}
