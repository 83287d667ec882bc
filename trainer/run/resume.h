#pragma once

#include "trainer/run/run_folder.h"
#include "trainer/run/training_task.h"

namespace flockstep {

/// Checks that a run resumes as the run that it was: settings, those of groups too, may differ only in how long it
/// trains, what it logs, evaluates and keeps, and where it runs. `before`: settings, config and run of the folder's
/// config.toml. Throws std::invalid_argument that names the first other setting, its value and the one given.
void check_resumed(const TrainingTask& before, const TrainingTask& now, const RunFolder& folder);

/// Restores the trainer from the folder's checkpoint. Throws DamagedCheckpoint that says how to restore the previous
/// one.
void restore(Trainer& trainer, const RunFolder& folder);

}  // namespace flockstep
