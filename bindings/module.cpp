#include "bindings/module.h"

#include <pybind11/stl.h>

#include "bindings/convert.h"
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
}  // namespace

}  // namespace flockstep

PYBIND11_MODULE(_flockstep, module) {
    using namespace flockstep;
    module.doc() =
        "The engine of Flockstep: batches of worlds, stepped together. The package flockstep is its friendly face.";
    register_all();
    bind_array(module);
    bind_batch(module);
    module.def("environments", &environments, py::arg("tests") = false,
               "The registered environments with their settings, as dicts.");
    module.def(
        "find_device", [](const std::string& name) { return find_device(name).name(); }, py::arg("name"),
        "'cpu' or 'cuda:N' for auto, cpu, cuda or cuda:N. ValueError that says why a GPU cannot be used.");
    module.def("why_no_gpu", &why_no_gpu, py::arg("index") = 0, "Why no GPU can be used, or an empty text.");
    module.def(
        "describe_device", [](const std::string& name) { return describe_device(find_device(name)); }, py::arg("name"),
        "One line on a device: its name and driver, or the number of CPU threads.");
}
