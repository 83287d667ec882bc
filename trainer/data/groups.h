#pragma once

#include <vector>

#include "trainer/data/spec.h"

namespace flockstep {

/// The policies that the setting `groups` asks for, in place of one per role; see policy_specs().
std::vector<PolicySpec> group_specs(const StringList& groups, const std::vector<PolicySpec>& by_role,
                                    const std::vector<RoleRange>& roles);

}  // namespace flockstep
